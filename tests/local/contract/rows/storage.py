"""Amazon S3, and logs."""

from __future__ import annotations

import json
from typing import Any

from tests.local.contract.row import (
    Row,
    Seen,
    att,
    one,
    part,
    ref,
    resource,
    role,
    tag,
    tags,
)


def _bucket(seen: Seen) -> Any:
    s3 = seen.aws("s3")
    bucket = {"Bucket": seen.ref}
    encryption = s3.get_bucket_encryption(**bucket)["ServerSideEncryptionConfiguration"]
    rule = one(s3.get_bucket_lifecycle_configuration(**bucket)["Rules"])
    ownership = s3.get_bucket_ownership_controls(**bucket)["OwnershipControls"]
    return {
        "encryption": one(encryption["Rules"])["ApplyServerSideEncryptionByDefault"],
        "versions": s3.get_bucket_versioning(**bucket)["Status"],
        "expires": rule["Expiration"],
        "old": rule["NoncurrentVersionExpiration"],
        "parts": rule["AbortIncompleteMultipartUpload"],
        "moves": rule.get("Transitions"),
        "only": rule["Filter"],
        "owner": one(ownership["Rules"])["ObjectOwnership"],
        "public": s3.get_public_access_block(**bucket)["PublicAccessBlockConfiguration"],
        "who": tag(s3.get_bucket_tagging(**bucket)["TagSet"]),
    }


_PRIVATE = {
    "BlockPublicAcls": True,
    "BlockPublicPolicy": True,
    "IgnorePublicAcls": True,
    "RestrictPublicBuckets": True,
}
_BUCKET = {
    "BucketEncryption": {
        "ServerSideEncryptionConfiguration": [
            {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        ]
    },
    "VersioningConfiguration": {"Status": "Enabled"},
    "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
    "PublicAccessBlockConfiguration": _PRIVATE,
}


def _lifecycle(days: int) -> dict[str, Any]:
    rule = {
        "Status": "Enabled",
        "Prefix": "archive/",
        "ExpirationInDays": days,
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        "Transitions": [{"StorageClass": "GLACIER", "TransitionInDays": 30}],
    }
    return {"Rules": [rule]}


def _kept(days: int) -> dict[str, Any]:
    return {
        "encryption": {"SSEAlgorithm": "AES256"},
        "versions": "Enabled",
        "expires": {"Days": days},
        "old": {"NoncurrentDays": 1},
        "parts": {"DaysAfterInitiation": 1},
        "moves": [{"Days": 30, "StorageClass": "GLACIER"}],
        "only": {"Prefix": "archive/"},
        "owner": "BucketOwnerEnforced",
        "public": _PRIVATE,
    }


def _lock(seen: Seen) -> Any:
    """The configuration, and that it holds: a locked version is not deleted, by anybody."""
    s3 = seen.aws("s3")
    found = s3.get_object_lock_configuration(Bucket=seen.ref)["ObjectLockConfiguration"]
    return {
        "retention": found["Rule"]["DefaultRetention"],
        "versions": s3.get_bucket_versioning(Bucket=seen.ref)["Status"],
    }


def _retention(days: int) -> dict[str, Any]:
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": days}}
    return {"ObjectLockEnabled": "Enabled", "Rule": rule}


def _encrypted(seen: Seen) -> Any:
    """A bucket under a key takes objects and gives them back."""
    s3 = seen.aws("s3")
    found = s3.get_bucket_encryption(Bucket=seen.ref)["ServerSideEncryptionConfiguration"]
    s3.put_object(Bucket=seen.ref, Key="one", Body=b"text", ServerSideEncryption="aws:kms")
    read = s3.get_object(Bucket=seen.ref, Key="one")["Body"].read()
    s3.delete_object(Bucket=seen.ref, Key="one")
    rule = one(found["Rules"])["ApplyServerSideEncryptionByDefault"]
    return {"algorithm": rule["SSEAlgorithm"], "read": read}


def _kms(key: Any) -> dict[str, Any]:
    default = {"SSEAlgorithm": "aws:kms", **key}
    return {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": default}]}


_VERSIONED = resource("AWS::S3::Bucket", VersioningConfiguration={"Status": "Enabled"})


def _replication(seen: Seen) -> Any:
    found = seen.aws("s3").get_bucket_replication(Bucket=seen.ref)["ReplicationConfiguration"]
    rule = one(found["Rules"])
    return {
        **part(rule, "Status", "Priority"),
        "to": rule["Destination"]["Bucket"].rpartition(":")[2] == seen.refs["Copy"],
        "deletes": rule["DeleteMarkerReplication"]["Status"],
        "role": found["Role"].rpartition("/")[2] == seen.refs["Role"],
    }


def _replicate(status: str) -> dict[str, Any]:
    rule = {
        "Id": "all",
        "Status": status,
        "Priority": 1,
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "Destination": {"Bucket": att("Copy", "Arn")},
    }
    return {"Role": att("Role", "Arn"), "Rules": [rule]}


def _policy(seen: Seen) -> Any:
    found = seen.aws("s3").get_bucket_policy(Bucket=seen.refs["Bucket"])
    return one(json.loads(found["Policy"])["Statement"])["Sid"]


def _document(sid: str) -> dict[str, Any]:
    statement = {
        "Sid": sid,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": att("Bucket", "Arn"),
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _log_group(seen: Seen) -> Any:
    logs = seen.aws("logs")
    found = one(logs.describe_log_groups(logGroupNamePrefix=seen.ref)["logGroups"])
    known = logs.list_tags_for_resource(resourceArn=found["arn"].removesuffix(":*"))
    return {
        "retention": found["retentionInDays"],
        "key": "kmsKeyId" in found,
        "who": known["tags"]["who"],
    }


def _filter(seen: Seen) -> Any:
    asked = {"logGroupName": seen.refs["Logs"]}
    found = one(seen.aws("logs").describe_metric_filters(**asked)["metricFilters"])
    made = one(found["metricTransformations"])
    return {"pattern": found["filterPattern"], **part(made, "metricName", "metricValue")}


def _counted(name: str) -> list[dict[str, Any]]:
    return [
        {"MetricName": name, "MetricNamespace": "Contract", "MetricValue": "1", "DefaultValue": 0}
    ]


ROWS = [
    Row(
        kind="AWS::S3::Bucket",
        properties={**_BUCKET, "LifecycleConfiguration": _lifecycle(365), "Tags": tags(who="a")},
        read=_bucket,
        made={**_kept(365), "who": "a"},
        update={"LifecycleConfiguration": _lifecycle(30), "Tags": tags(who="b")},
        changed={**_kept(30), "who": "b"},
    ),
    Row(
        kind="AWS::S3::Bucket",
        what="with Object Lock",
        properties={
            "ObjectLockEnabled": True,
            "ObjectLockConfiguration": _retention(35),
            "VersioningConfiguration": {"Status": "Enabled"},
        },
        read=_lock,
        made={"retention": {"Mode": "COMPLIANCE", "Days": 35}, "versions": "Enabled"},
        update={"ObjectLockConfiguration": _retention(36)},
        changed={"retention": {"Mode": "COMPLIANCE", "Days": 36}, "versions": "Enabled"},
    ),
    Row(
        kind="AWS::S3::Bucket",
        what="with a key",
        beside={"Key": resource("AWS::KMS::Key", EnableKeyRotation=True)},
        properties={"BucketEncryption": _kms({"KMSMasterKeyID": att("Key", "Arn")})},
        read=_encrypted,
        made={"algorithm": "aws:kms", "read": b"text"},
        update={"BucketEncryption": _kms({})},  # with the account's own key
        changed={"algorithm": "aws:kms", "read": b"text"},
    ),
    Row(
        kind="AWS::S3::Bucket",
        what="with replication",
        beside={"Copy": _VERSIONED, "Role": role("s3")},
        properties={
            "VersioningConfiguration": {"Status": "Enabled"},
            "ReplicationConfiguration": _replicate("Enabled"),
        },
        read=_replication,
        made={"Status": "Enabled", "Priority": 1, "to": True, "deletes": "Disabled", "role": True},
        update={"ReplicationConfiguration": _replicate("Disabled")},
        changed={
            "Status": "Disabled",
            "Priority": 1,
            "to": True,
            "deletes": "Disabled",
            "role": True,
        },
    ),
    Row(
        kind="AWS::S3::BucketPolicy",
        beside={"Bucket": resource("AWS::S3::Bucket")},
        properties={"Bucket": ref("Bucket"), "PolicyDocument": _document("first")},
        read=_policy,
        made="first",
        update={"PolicyDocument": _document("second")},
        changed="second",
    ),
    Row(
        kind="AWS::Logs::LogGroup",
        beside={"Key": resource("AWS::KMS::Key", EnableKeyRotation=True)},
        properties={
            "RetentionInDays": 365,
            "KmsKeyId": att("Key", "Arn"),
            "Tags": tags(who="a"),
        },
        read=_log_group,
        made={"retention": 365, "key": True, "who": "a"},
        update={"RetentionInDays": 30, "Tags": tags(who="b")},
        changed={"retention": 30, "key": True, "who": "b"},
    ),
    Row(
        kind="AWS::Logs::MetricFilter",
        beside={"Logs": resource("AWS::Logs::LogGroup")},
        properties={
            "LogGroupName": ref("Logs"),
            "FilterPattern": "{ $.status = 500 }",
            "MetricTransformations": _counted("First"),
        },
        read=_filter,
        made={"pattern": "{ $.status = 500 }", "metricName": "First", "metricValue": "1"},
        update={"FilterPattern": "ERROR", "MetricTransformations": _counted("Second")},
        changed={"pattern": "ERROR", "metricName": "Second", "metricValue": "1"},
    ),
]

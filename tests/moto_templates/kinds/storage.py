"""AWS KMS, Amazon CloudWatch Logs, Amazon S3, Amazon DynamoDB and Amazon SQS."""

from __future__ import annotations

import json

from tests.moto_templates.api_shapes import Properties, as_input, tags_as_input
from tests.moto_templates.deployment import Site
from tests.moto_templates.kind import Attributes, Kind

# Each property of a bucket but its name is a call of its own: the call, and its input's name.
_BUCKET_CALLS = {
    "BucketEncryption": ("put_bucket_encryption", "ServerSideEncryptionConfiguration"),
    "LifecycleConfiguration": ("put_bucket_lifecycle_configuration", "LifecycleConfiguration"),
    "LoggingConfiguration": ("put_bucket_logging", "BucketLoggingStatus"),
    "OwnershipControls": ("put_bucket_ownership_controls", "OwnershipControls"),
    "PublicAccessBlockConfiguration": (
        "put_public_access_block",
        "PublicAccessBlockConfiguration",
    ),
    "ReplicationConfiguration": ("put_bucket_replication", "ReplicationConfiguration"),
    "VersioningConfiguration": ("put_bucket_versioning", "VersioningConfiguration"),
}
_BUCKET_RENAMES = {"ServerSideEncryptionConfiguration": "Rules"}


def _rotation(site: Site, properties: Properties, made: Attributes) -> None:
    if properties.get("EnableKeyRotation"):
        site.client("kms").enable_key_rotation(KeyId=made["Ref"])


def _log_group(site: Site, group: Properties) -> Properties:
    name = f"{site.stack}-{site.logical_id}"
    return {
        "LogGroupName": name,
        **group,
        "Tags": {tag["Key"]: tag["Value"] for tag in group["Tags"]},
    }


def _retention(site: Site, properties: Properties, made: Attributes) -> Attributes:
    site.client("logs").put_retention_policy(
        logGroupName=made["Ref"], retentionInDays=properties["RetentionInDays"]
    )
    return {"Arn": f"arn:aws:logs:{site.region}:{site.account}:log-group:{made['Ref']}:*"}


def _bucket(site: Site, bucket: Properties) -> Properties:
    name = f"{site.stack}-{site.logical_id}".lower()
    place = {"LocationConstraint": site.region}
    elsewhere = {} if site.region == "us-east-1" else {"CreateBucketConfiguration": place}
    lock = {"ObjectLockEnabledForBucket": True} if bucket.get("ObjectLockEnabled") else {}
    rest = {key: bucket[key] for key in bucket if key not in _SAID_OTHERWISE}
    return {"Bucket": bucket.get("BucketName", name), **elsewhere, **lock, **rest}


_SAID_OTHERWISE = ("Tags", "BucketName", "ObjectLockEnabled")


def _logging(configuration: Properties) -> Properties:
    return {
        "LoggingEnabled": {
            "TargetBucket": configuration["DestinationBucketName"],
            "TargetPrefix": configuration["LogFilePrefix"],
        }
    }


def _lifecycle(configuration: Properties) -> Properties:
    """A template writes `ExpirationInDays` where the API has a structure."""
    rules = []
    for rule in configuration["Rules"]:
        days = rule.pop("ExpirationInDays", None)
        expires = {} if days is None else {"Expiration": {"Days": days}}
        rules.append({"Filter": {"Prefix": rule.pop("Prefix", "")}, **rule, **expires})
    return {"Rules": rules}


def _bucket_settings(site: Site, properties: Properties, made: Attributes) -> Attributes:
    s3 = site.client("s3")
    for name, value in properties.items():
        if name in _SAID_OTHERWISE:
            continue
        call, member = _BUCKET_CALLS[name]
        operation = s3.meta.service_model.operation_model(s3.meta.method_to_api_mapping[call])
        if name == "LifecycleConfiguration":
            value = _lifecycle(json.loads(json.dumps(value)))
        if name == "LoggingConfiguration":
            value = _logging(value)
        renamed = {_BUCKET_RENAMES.get(key, key): item for key, item in value.items()}
        if name == "BucketEncryption":
            renamed["Rules"] = [
                {
                    "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"],
                    **({"BucketKeyEnabled": True} if rule.get("BucketKeyEnabled") else {}),
                }
                for rule in renamed["Rules"]
            ]
        sent = as_input({member: renamed}, operation.input_shape)
        getattr(s3, call)(Bucket=made["Ref"], **sent)
    tags = s3.meta.service_model.shape_for("TagSet")
    s3.put_bucket_tagging(
        Bucket=made["Ref"], Tagging={"TagSet": tags_as_input(properties["Tags"], tags)}
    )
    return {"Arn": f"arn:aws:s3:::{made['Ref']}"}


def _table(site: Site, table: Properties) -> Properties:
    """The replica of the stack's own Region, as a table; `_table_settings` adds the others."""
    here = _replica(site, table)
    own = {key: here[key] for key in ("DeletionProtectionEnabled", "Tags")}
    encryption = {"Enabled": table["SSESpecification"]["SSEEnabled"]}
    if "SSEType" in table["SSESpecification"]:
        encryption |= {"SSEType": table["SSESpecification"]["SSEType"]} | here["SSESpecification"]
    limits = {
        "MaxReadRequestUnits": here.get("ReadOnDemandThroughputSettings", {}).get(
            "MaxReadRequestUnits"
        ),
        "MaxWriteRequestUnits": table.get("WriteOnDemandThroughputSettings", {}).get(
            "MaxWriteRequestUnits"
        ),
    }
    ceiling = {key: value for key, value in limits.items() if value is not None}
    return {
        "TableName": site.physical_name(),
        **table,
        **own,
        "SSESpecification": encryption,
        **({"OnDemandThroughput": ceiling} if ceiling else {}),
        **_stream(table),
    }


def _stream(table: Properties) -> Properties:
    if "StreamSpecification" not in table:
        return {}
    return {"StreamSpecification": {"StreamEnabled": True, **table["StreamSpecification"]}}


def _replica(site: Site, table: Properties) -> Properties:
    (here,) = [one for one in table["Replicas"] if one["Region"] == site.region]
    return here


def _table_settings(site: Site, properties: Properties, made: Attributes) -> None:
    dynamodb = site.client("dynamodb")
    dynamodb.update_time_to_live(
        TableName=made["Ref"],
        TimeToLiveSpecification=properties["TimeToLiveSpecification"],
    )
    dynamodb.update_continuous_backups(
        TableName=made["Ref"],
        PointInTimeRecoverySpecification=_replica(site, properties)[
            "PointInTimeRecoverySpecification"
        ],
    )
    for replica in properties["Replicas"]:
        if replica["Region"] != site.region:
            create = {
                "RegionName": replica["Region"],
                "KMSMasterKeyId": replica["SSESpecification"]["KMSMasterKeyId"],
            }
            dynamodb.update_table(TableName=made["Ref"], ReplicaUpdates=[{"Create": create}])


def _queue(site: Site, queue: Properties) -> Properties:
    """The API takes every property as an attribute, in text."""
    attributes = {
        name: json.dumps(value) if isinstance(value, dict) else str(value)
        for name, value in queue.items()
        if name != "Tags"
    }
    name = f"{site.stack}-{site.logical_id}"[-80:]
    return {"QueueName": name, "Attributes": attributes, "Tags": queue["Tags"]}


def _queue_settings(site: Site, properties: Properties, made: Attributes) -> Attributes:
    answer = site.client("sqs").get_queue_attributes(
        QueueUrl=made["Ref"], AttributeNames=["QueueArn"]
    )
    return {"Arn": answer["Attributes"]["QueueArn"]}


def _queue_policy(site: Site, policy: Properties) -> Properties:
    [url] = policy["Queues"]
    return {"QueueUrl": url, "Attributes": {"Policy": json.dumps(policy["PolicyDocument"])}}


STORAGE = {
    "AWS::DynamoDB::GlobalTable": Kind(
        service="dynamodb",
        call="create_table",
        ref="TableDescription.TableName",
        attributes={"Arn": "TableDescription.TableArn"},
        apart=("Replicas", "TimeToLiveSpecification", "WriteOnDemandThroughputSettings"),
        adapt=_table,
        then=_table_settings,
    ),
    "AWS::KMS::Key": Kind(
        service="kms",
        call="create_key",
        ref="KeyMetadata.KeyId",
        attributes={"Arn": "KeyMetadata.Arn"},
        renames={"KeyPolicy": "Policy"},
        apart=("EnableKeyRotation",),
        then=_rotation,
    ),
    "AWS::Logs::LogGroup": Kind(
        service="logs",
        call="create_log_group",
        ref="sent.logGroupName",
        apart=("RetentionInDays",),
        adapt=_log_group,
        then=_retention,
    ),
    "AWS::S3::Bucket": Kind(
        service="s3",
        call="create_bucket",
        ref="sent.Bucket",
        apart=tuple(_BUCKET_CALLS),
        adapt=_bucket,
        then=_bucket_settings,
    ),
    "AWS::S3::BucketPolicy": Kind(
        service="s3", call="put_bucket_policy", renames={"PolicyDocument": "Policy"}
    ),
    "AWS::SQS::Queue": Kind(
        service="sqs",
        call="create_queue",
        ref="QueueUrl",
        adapt=_queue,
        then=_queue_settings,
    ),
    "AWS::SQS::QueuePolicy": Kind(
        service="sqs", call="set_queue_attributes", ref="sent.QueueUrl", adapt=_queue_policy
    ),
}

"""Amazon DynamoDB, Redshift, and secrets."""

from __future__ import annotations

import json
from typing import Any

from tests.local.contract.row import (
    SUBNETS,
    Row,
    Seen,
    one,
    part,
    ref,
    resource,
    tag,
    tags,
)

_CLUSTER: dict[str, Any] = {
    "Engine": "aurora-postgresql",
    "EngineVersion": "17.6",
    "MasterUsername": "mainstay",
    "MasterUserPassword": "not-a-secret",
    "DatabaseName": "entity",
}


def _table(seen: Seen) -> Any:
    """Two Regions, one set of items: what is put into the one is got from the other."""
    east, west = seen.aws("dynamodb"), seen.aws("dynamodb", "us-west-2")
    found = east.describe_table(TableName=seen.ref)["Table"]
    replicas = [r["RegionName"] for r in found.get("Replicas", ())]
    facts = {
        "replicas": replicas,
        "protected": found["DeletionProtectionEnabled"],
        "encryption": (found.get("SSEDescription") or {}).get("SSEType"),
        "limit": (found.get("OnDemandThroughput") or {}).get("MaxReadRequestUnits"),
        "lifetime": _lifetime(east, seen.ref),
        "recovery": _recovery(east, seen.ref),
        "who": tag(east.list_tags_of_resource(ResourceArn=found["TableArn"])["Tags"]),
    }
    if replicas:
        east.put_item(TableName=seen.ref, Item={"pk": {"S": "one"}})
        got = west.get_item(TableName=seen.ref, Key={"pk": {"S": "one"}})
        facts["there"] = "Item" in got
        facts["recovery there"] = _recovery(west, seen.ref)
        facts["lifetime there"] = _lifetime(west, seen.ref)
    return facts


def _lifetime(api: Any, table: str) -> Any:
    return api.describe_time_to_live(TableName=table)["TimeToLiveDescription"].get("AttributeName")


def _recovery(api: Any, table: str) -> Any:
    described = api.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    return described["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]


def _replica(region: str, who: str, *, recovery: bool = True) -> dict[str, Any]:
    return {
        "Region": region,
        "DeletionProtectionEnabled": False,
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": recovery},
        "ReadOnDemandThroughputSettings": {"MaxReadRequestUnits": 100},
        "SSESpecification": {"KMSMasterKeyId": "alias/contract"},
        "Tags": tags(who=who),
    }


def _secret(seen: Seen) -> Any:
    """The value obeys its rules, and the other Region has it."""
    api = seen.aws("secretsmanager")
    found = api.describe_secret(SecretId=seen.ref)
    value = json.loads(api.get_secret_value(SecretId=seen.ref)["SecretString"])
    there = seen.aws("secretsmanager", "us-west-2").get_secret_value(SecretId="contract-secret")
    return {
        "ref": found["ARN"] == seen.ref,
        "says": found["Description"],
        "user": value["username"],
        "length": len(value["password"]),
        "plain": value["password"].isalnum(),
        "there": json.loads(there["SecretString"]) == value,
        "regions": [status["Region"] for status in found["ReplicationStatus"]],
        "who": tag(found["Tags"]),
    }


_SECRET = {
    "GenerateSecretString": {
        "ExcludePunctuation": True,
        "GenerateStringKey": "password",
        "PasswordLength": 40,
        "SecretStringTemplate": '{"username": "mainstay"}',
    }
}


def _attachment(seen: Seen) -> Any:
    found = seen.aws("secretsmanager").get_secret_value(SecretId=seen.refs["Secret"])
    value = json.loads(found["SecretString"])
    named = value["dbClusterIdentifier"] == seen.refs["Cluster"]
    return {
        "engine": value["engine"],
        "port": value["port"],
        "host": "host" in value,
        "named": named,
    }


def _resource_policy(seen: Seen) -> Any:
    found = seen.aws("secretsmanager").get_resource_policy(SecretId=seen.refs["Secret"])
    return one(json.loads(found["ResourcePolicy"])["Statement"])["Sid"]


def _allow(sid: str) -> dict[str, Any]:
    statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _namespace(seen: Seen) -> Any:
    api = seen.aws("redshift-serverless")
    found = api.get_namespace(namespaceName=seen.ref)["namespace"]
    arn = found["namespaceArn"]
    policy = seen.aws("redshift").get_resource_policy(ResourceArn=arn)["ResourcePolicy"]
    copies = api.list_snapshot_copy_configurations(namespaceName=seen.ref)
    copy = one(copies["snapshotCopyConfigurations"])
    known = {t["key"]: t["value"] for t in api.list_tags_for_resource(resourceArn=arn)["tags"]}
    return {
        **part(found, "adminUsername", "dbName", "logExports", "status"),
        "policy": one(json.loads(policy["Policy"])["Statement"])["Action"],
        "copied": copy["destinationRegion"],
        "kept": copy["snapshotRetentionPeriod"],
        "who": known["who"],
    }


_NAMESPACE: dict[str, Any] = {
    "NamespaceName": "contract",
    "AdminUsername": "mainstay",
    "AdminUserPassword": "Not-a-secret-1",
    "DbName": "reporting",
}


def _copy(days: int) -> list[dict[str, Any]]:
    return [{"DestinationRegion": "us-west-2", "SnapshotRetentionPeriod": days}]


def _workgroup(seen: Seen) -> Any:
    found = seen.aws("redshift-serverless").get_workgroup(workgroupName=seen.ref)["workgroup"]
    return {
        **part(found, "baseCapacity", "maxCapacity", "enhancedVpcRouting", "namespaceName"),
        "ssl": one(found["configParameters"])["parameterValue"],
        "port": found["endpoint"]["port"],
    }


ROWS = [
    Row(
        kind="AWS::DynamoDB::GlobalTable",
        properties={
            "TableName": "contract",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
            "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS"},
            "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
            "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": True},
            "Replicas": [_replica("us-east-1", "a"), _replica("us-west-2", "a")],
        },
        read=_table,
        made={
            "replicas": ["us-west-2"],
            "protected": False,
            "encryption": "KMS",
            "limit": 100,
            "lifetime": "expires",
            "recovery": "ENABLED",
            "who": "a",
            "there": True,
            "recovery there": "ENABLED",
            "lifetime there": "expires",
        },
        update={
            "Replicas": [
                _replica("us-east-1", "b", recovery=False),
                _replica("us-west-2", "b", recovery=False),
            ]
        },
        changed={
            "replicas": ["us-west-2"],
            "protected": False,
            "encryption": "KMS",
            "limit": 100,
            "lifetime": "expires",
            "recovery": "DISABLED",
            "who": "b",
            "there": True,
            "recovery there": "DISABLED",
            "lifetime there": "expires",
        },
    ),
    Row(
        kind="AWS::SecretsManager::Secret",
        properties={
            **_SECRET,
            "Name": "contract-secret",
            "Description": "first",
            "ReplicaRegions": [{"Region": "us-west-2"}],
            "Tags": tags(who="a"),
        },
        read=_secret,
        made={
            "ref": True,
            "says": "first",
            "user": "mainstay",
            "length": 40,
            "plain": True,
            "there": True,
            "regions": ["us-west-2"],
            "who": "a",
        },
        update={"Description": "second", "Tags": tags(who="b")},
        changed={
            "ref": True,
            "says": "second",
            "user": "mainstay",
            "length": 40,
            "plain": True,
            "there": True,
            "regions": ["us-west-2"],
            "who": "b",
        },
    ),
    Row(
        kind="AWS::SecretsManager::SecretTargetAttachment",
        beside={
            "Cluster": resource("AWS::RDS::DBCluster", **_CLUSTER),
            "Secret": resource("AWS::SecretsManager::Secret", **_SECRET),
        },
        properties={
            "SecretId": ref("Secret"),
            "TargetId": ref("Cluster"),
            "TargetType": "AWS::RDS::DBCluster",
        },
        read=_attachment,
        made={"engine": "postgres", "port": 5432, "host": True, "named": True},
    ),
    Row(
        kind="AWS::SecretsManager::ResourcePolicy",
        beside={"Secret": resource("AWS::SecretsManager::Secret", **_SECRET)},
        properties={"SecretId": ref("Secret"), "ResourcePolicy": _allow("first")},
        read=_resource_policy,
        made="first",
        update={"ResourcePolicy": _allow("second")},
        changed="second",
    ),
    Row(
        kind="AWS::RedshiftServerless::Namespace",
        properties={
            **_NAMESPACE,
            "LogExports": ["userlog"],
            "NamespaceResourcePolicy": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "redshift.amazonaws.com"},
                        "Action": "redshift:AuthorizeInboundIntegration",
                    }
                ],
            },
            "SnapshotCopyConfigurations": _copy(35),
            "Tags": tags(who="a"),
        },
        read=_namespace,
        made={
            "adminUsername": "mainstay",
            "dbName": "reporting",
            "logExports": ["userlog"],
            "status": "AVAILABLE",
            "policy": "redshift:AuthorizeInboundIntegration",
            "copied": "us-west-2",
            "kept": 35,
            "who": "a",
        },
        update={
            "LogExports": ["userlog", "connectionlog"],
            "SnapshotCopyConfigurations": _copy(7),
            "Tags": tags(who="b"),
        },
        changed={
            "adminUsername": "mainstay",
            "dbName": "reporting",
            "logExports": ["userlog", "connectionlog"],
            "status": "AVAILABLE",
            "policy": "redshift:AuthorizeInboundIntegration",
            "copied": "us-west-2",
            "kept": 7,
            "who": "b",
        },
    ),
    Row(
        kind="AWS::RedshiftServerless::Workgroup",
        beside={
            **SUBNETS,
            "Namespace": resource("AWS::RedshiftServerless::Namespace", **_NAMESPACE),
        },
        properties={
            "WorkgroupName": "contract",
            "NamespaceName": ref("Namespace"),
            "BaseCapacity": 32,
            "MaxCapacity": 128,
            "EnhancedVpcRouting": True,
            "ConfigParameters": [{"ParameterKey": "require_ssl", "ParameterValue": "true"}],
            "SubnetIds": [ref("Subnet1"), ref("Subnet2"), ref("Subnet3")],
        },
        read=_workgroup,
        made={
            "baseCapacity": 32,
            "maxCapacity": 128,
            "enhancedVpcRouting": True,
            "namespaceName": "contract",
            "ssl": "true",
            "port": 5439,
        },
        update={"BaseCapacity": 64},
        changed={
            "baseCapacity": 64,
            "maxCapacity": 128,
            "enhancedVpcRouting": True,
            "namespaceName": "contract",
            "ssl": "true",
            "port": 5439,
        },
    ),
]

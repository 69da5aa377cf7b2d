"""The databases: Aurora, DynamoDB, Redshift, and their secrets."""

from __future__ import annotations

import json
from typing import Any

from tests.local.contract.row import (
    GROUP,
    SUBNETS,
    Row,
    Seen,
    att,
    one,
    part,
    ref,
    resource,
    tag,
    tags,
)

_SUBNET_GROUP = resource(
    "AWS::RDS::DBSubnetGroup",
    DBSubnetGroupDescription="three zones",
    SubnetIds=[ref(f"Subnet{number}") for number in (1, 2, 3)],
)
_PARAMETERS = resource(
    "AWS::RDS::DBClusterParameterGroup",
    Description="parameters",
    Family="aurora-postgresql17",
    Parameters={"rds.force_ssl": "1"},
)
_KEY = resource("AWS::KMS::Key", EnableKeyRotation=True)
_CLUSTER: dict[str, Any] = {
    "Engine": "aurora-postgresql",
    "EngineVersion": "17.6",
    "MasterUsername": "mainstay",
    "MasterUserPassword": "not-a-secret",
    "DatabaseName": "entity",
}
_BESIDE = {
    **SUBNETS,
    **GROUP,
    "Key": _KEY,
    "Subnets": _SUBNET_GROUP,
    "Parameters": _PARAMETERS,
}
_FULL = {
    **_CLUSTER,
    "AvailabilityZones": ["us-east-1a", "us-east-1b", "us-east-1d"],
    "BackupRetentionPeriod": 35,
    "DBClusterParameterGroupName": ref("Parameters"),
    "DBSubnetGroupName": ref("Subnets"),
    "DeletionProtection": False,
    "EnableCloudwatchLogsExports": ["postgresql"],
    "EnableIAMDatabaseAuthentication": True,
    "KmsKeyId": att("Key", "Arn"),
    "PerformanceInsightsEnabled": True,
    "PerformanceInsightsRetentionPeriod": 7,
    "StorageEncrypted": True,
    "StorageType": "aurora-iopt1",
    "VpcSecurityGroupIds": [att("Group", "GroupId")],
}


def _cluster(seen: Seen) -> Any:
    found = one(seen.aws("rds").describe_db_clusters(DBClusterIdentifier=seen.ref)["DBClusters"])
    return {
        **part(found, "EngineVersion", "DatabaseName", "MasterUsername", "AvailabilityZones"),
        **part(found, "BackupRetentionPeriod", "StorageEncrypted", "StorageType"),
        **part(found, "IAMDatabaseAuthenticationEnabled", "EnabledCloudwatchLogsExports"),
        **part(found, "PerformanceInsightsEnabled", "PerformanceInsightsRetentionPeriod"),
        "parameters": found["DBClusterParameterGroup"] == seen.refs["Parameters"],
        "subnets": found["DBSubnetGroup"] == seen.refs["Subnets"],
        "key": found["KmsKeyId"].endswith(seen.refs["Key"]),
        "group": [g["VpcSecurityGroupId"] for g in found["VpcSecurityGroups"]]
        == [seen.refs["Group"]],
        "who": tag(found["TagList"]),
    }


_CLUSTER_MADE = {
    "EngineVersion": "17.6",
    "DatabaseName": "entity",
    "MasterUsername": "mainstay",
    "AvailabilityZones": ["us-east-1a", "us-east-1b", "us-east-1d"],
    "BackupRetentionPeriod": 35,
    "StorageEncrypted": True,
    "StorageType": "aurora-iopt1",
    "IAMDatabaseAuthenticationEnabled": True,
    "EnabledCloudwatchLogsExports": ["postgresql"],
    "PerformanceInsightsEnabled": True,
    "PerformanceInsightsRetentionPeriod": 7,
    "parameters": True,
    "subnets": True,
    "key": True,
    "group": True,
    "who": "a",
}


def _instance(seen: Seen) -> Any:
    rds = seen.aws("rds")
    found = one(rds.describe_db_instances(DBInstanceIdentifier=seen.ref)["DBInstances"])
    asked = {"DBClusterIdentifier": seen.refs["Cluster"]}
    cluster = one(rds.describe_db_clusters(**asked)["DBClusters"])
    return {
        **part(found, "DBInstanceClass", "AvailabilityZone", "PromotionTier"),
        **part(found, "MonitoringInterval", "PubliclyAccessible", "StorageEncrypted"),
        "writes": [m["IsClusterWriter"] for m in cluster["DBClusterMembers"]],
        "cluster": found["DBClusterIdentifier"] == seen.refs["Cluster"],
        "who": tag(found["TagList"]),
    }


_INSTANCE = {
    "DBClusterIdentifier": ref("Cluster"),
    "DBInstanceClass": "db.r8g.large",
    "Engine": "aurora-postgresql",
    "PubliclyAccessible": False,
}


def _global(seen: Seen) -> Any:
    asked = {"GlobalClusterIdentifier": seen.ref}
    found = one(seen.aws("rds").describe_global_clusters(**asked)["GlobalClusters"])
    names = {
        member["DBClusterArn"].rpartition(":")[2]: member["IsWriter"]
        for member in found["GlobalClusterMembers"]
    }
    return {
        **part(found, "DeletionProtection", "EngineVersion"),
        "writer": names.get(seen.refs["Cluster"]),
    }


def _secondary(seen: Seen) -> Any:
    """A cluster that joins a global one reads, and has the writer's user."""
    rds = seen.aws("rds")
    found = one(rds.describe_db_clusters(DBClusterIdentifier=seen.ref)["DBClusters"])
    asked = {"GlobalClusterIdentifier": "contract-global"}
    group = one(rds.describe_global_clusters(**asked)["GlobalClusters"])
    writers = [m["IsWriter"] for m in group["GlobalClusterMembers"]]
    return {"user": found["MasterUsername"], "writers": writers}


def _parameter_group(seen: Seen) -> Any:
    asked = {"DBClusterParameterGroupName": seen.ref}
    found = seen.aws("rds").describe_db_cluster_parameters(**asked)["Parameters"]
    values = {p["ParameterName"]: p.get("ParameterValue") for p in found}
    return {name: values.get(name) for name in ("rds.force_ssl", "log_lock_waits")}


def _subnets(seen: Seen) -> Any:
    asked = {"DBSubnetGroupName": seen.ref}
    found = one(seen.aws("rds").describe_db_subnet_groups(**asked)["DBSubnetGroups"])
    zones = [s["SubnetAvailabilityZone"]["Name"] for s in found["Subnets"]]
    return {"says": found["DBSubnetGroupDescription"], "zones": sorted(zones)}


def _integration(seen: Seen) -> Any:
    asked = {"IntegrationIdentifier": seen.ref}
    found = one(seen.aws("rds").describe_integrations(**asked)["Integrations"])
    return {**part(found, "IntegrationName", "DataFilter", "Status"), "who": tag(found["Tags"])}


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
    told = api.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    return told["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]


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
    return {"engine": value["engine"], "port": value["port"], "host": "host" in value}


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
        kind="AWS::RDS::DBCluster",
        beside=_BESIDE,
        properties={**_FULL, "Tags": tags(who="a")},
        read=_cluster,
        made=_CLUSTER_MADE,
        update={"BackupRetentionPeriod": 7, "EngineVersion": "17.7", "Tags": tags(who="b")},
        changed={
            **_CLUSTER_MADE,
            "BackupRetentionPeriod": 7,
            "EngineVersion": "17.7",
            "who": "b",
        },
    ),
    Row(
        kind="AWS::RDS::DBCluster",
        what="in a global one",
        beside={
            "Cluster": resource("AWS::RDS::DBCluster", **_CLUSTER),
            "Global": resource(
                "AWS::RDS::GlobalCluster",
                GlobalClusterIdentifier="contract-global",
                SourceDBClusterIdentifier=att("Cluster", "DBClusterArn"),
            ),
        },
        properties={
            "Engine": "aurora-postgresql",
            "EngineVersion": "17.6",
            "GlobalClusterIdentifier": ref("Global"),
        },
        read=_secondary,
        made={"user": "mainstay", "writers": [True, False]},
    ),
    Row(
        kind="AWS::RDS::DBInstance",
        beside={
            "Cluster": resource("AWS::RDS::DBCluster", **_CLUSTER),
            "First": resource("AWS::RDS::DBInstance", **_INSTANCE),
        },
        properties={
            **_INSTANCE,
            "DBClusterIdentifier": {
                "Fn::Select": [0, [ref("Cluster"), ref("First")]]  # after the first one
            },
            "AvailabilityZone": "us-east-1b",
            "PromotionTier": 1,
            "MonitoringInterval": 60,
            "Tags": tags(who="a"),
        },
        read=_instance,
        made={
            "DBInstanceClass": "db.r8g.large",
            "AvailabilityZone": "us-east-1b",
            "PromotionTier": 1,
            "MonitoringInterval": 60,
            "PubliclyAccessible": False,
            "StorageEncrypted": False,
            "writes": [True, False],
            "cluster": True,
            "who": "a",
        },
        update={"DBInstanceClass": "db.r8g.xlarge", "PromotionTier": 2, "Tags": tags(who="b")},
        changed={
            "DBInstanceClass": "db.r8g.xlarge",
            "AvailabilityZone": "us-east-1b",
            "PromotionTier": 2,
            "MonitoringInterval": 60,
            "PubliclyAccessible": False,
            "StorageEncrypted": False,
            "writes": [True, False],
            "cluster": True,
            "who": "b",
        },
    ),
    Row(
        kind="AWS::RDS::GlobalCluster",
        beside={"Cluster": resource("AWS::RDS::DBCluster", **_CLUSTER)},
        properties={
            "GlobalClusterIdentifier": "contract-world",
            "SourceDBClusterIdentifier": att("Cluster", "DBClusterArn"),
            "DeletionProtection": True,
        },
        read=_global,
        made={"DeletionProtection": True, "EngineVersion": "17.6", "writer": True},
        update={"DeletionProtection": False},
        changed={"DeletionProtection": False, "EngineVersion": "17.6", "writer": True},
    ),
    Row(
        kind="AWS::RDS::DBClusterParameterGroup",
        properties={
            "Description": "parameters",
            "Family": "aurora-postgresql17",
            "Parameters": {"rds.force_ssl": "1"},
        },
        read=_parameter_group,
        made={"rds.force_ssl": "1", "log_lock_waits": None},
        update={"Parameters": {"rds.force_ssl": "0", "log_lock_waits": "1"}},
        changed={"rds.force_ssl": "0", "log_lock_waits": "1"},
    ),
    Row(
        kind="AWS::RDS::DBSubnetGroup",
        beside=SUBNETS,
        properties={
            "DBSubnetGroupDescription": "first",
            "SubnetIds": [ref("Subnet1"), ref("Subnet2")],
        },
        read=_subnets,
        made={"says": "first", "zones": ["us-east-1a", "us-east-1b"]},
        update={
            "DBSubnetGroupDescription": "second",
            "SubnetIds": [ref("Subnet1"), ref("Subnet3")],
        },
        changed={"says": "second", "zones": ["us-east-1a", "us-east-1d"]},
    ),
    Row(
        kind="AWS::RDS::Integration",
        beside={"Cluster": resource("AWS::RDS::DBCluster", **_CLUSTER)},
        properties={
            "IntegrationName": "contract",
            "SourceArn": att("Cluster", "DBClusterArn"),
            "TargetArn": "arn:aws:redshift-serverless:us-east-1:111122223333:namespace/one",
            "DataFilter": "include: one.*.*",
            "Tags": tags(who="a"),
        },
        read=_integration,
        made={
            "IntegrationName": "contract",
            "DataFilter": "include: one.*.*",
            "Status": "active",
            "who": "a",
        },
        update={"DataFilter": "include: two.*.*"},
        changed={
            "IntegrationName": "contract",
            "DataFilter": "include: two.*.*",
            "Status": "active",
            "who": "a",
        },
    ),
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
        made={"engine": "postgres", "port": 5432, "host": True},
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

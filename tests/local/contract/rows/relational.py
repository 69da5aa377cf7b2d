"""Amazon Aurora: clusters, instances, global databases, integrations."""

from __future__ import annotations

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


def _instance_parameters(seen: Seen) -> Any:
    asked = {"DBParameterGroupName": seen.ref}
    found = seen.aws("rds").describe_db_parameters(**asked)["Parameters"]
    values = {p["ParameterName"]: p.get("ParameterValue") for p in found}
    return {"log_lock_waits": values.get("log_lock_waits")}


def _subnets(seen: Seen) -> Any:
    asked = {"DBSubnetGroupName": seen.ref}
    found = one(seen.aws("rds").describe_db_subnet_groups(**asked)["DBSubnetGroups"])
    zones = [s["SubnetAvailabilityZone"]["Name"] for s in found["Subnets"]]
    return {"says": found["DBSubnetGroupDescription"], "zones": sorted(zones)}


def _integration(seen: Seen) -> Any:
    asked = {"IntegrationIdentifier": seen.ref}
    found = one(seen.aws("rds").describe_integrations(**asked)["Integrations"])
    return {**part(found, "IntegrationName", "DataFilter", "Status"), "who": tag(found["Tags"])}


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
        kind="AWS::RDS::DBParameterGroup",
        properties={
            "Description": "parameters",
            "Family": "aurora-postgresql17",
            "Parameters": {"log_lock_waits": "0"},
        },
        read=_instance_parameters,
        made={"log_lock_waits": "0"},
        update={"Parameters": {"log_lock_waits": "1"}},
        changed={"log_lock_waits": "1"},
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
]

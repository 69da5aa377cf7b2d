"""The stores, by the APIs of the deployed production."""

import json

import pytest

from config.environments import PRODUCTION

_ENTITY, _TRANSACTION = "mainstay-production-entity", "mainstay-production-transaction"


def _cluster(deployed, region: str, name: str) -> dict:
    rds = deployed.client("rds", region)
    (found,) = rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"]
    return found


@pytest.mark.parametrize(
    ("name", "first", "copy"),
    [
        (_ENTITY, f"{_ENTITY}-a", f"{_ENTITY}-copy"),
        (_TRANSACTION, f"{_TRANSACTION}-a", f"{_TRANSACTION}-copy"),
    ],
)
def test_each_global_database_is_its_first_cluster_and_the_copy_in_the_standby(
    deployed, name, first, copy
):
    answer = deployed.client("rds", "us-east-1").describe_global_clusters()["GlobalClusters"]
    (found,) = [one for one in answer if one["GlobalClusterIdentifier"] == name]
    writes = {
        member["DBClusterArn"].rpartition(":")[2]: member["IsWriter"]
        for member in found["GlobalClusterMembers"]
    }
    assert writes == {first: True, copy: False}
    assert found["DeletionProtection"] is True


def test_a_copy_has_no_user_of_its_own(deployed):
    for cluster in deployed.of_type("AWS::RDS::DBCluster"):
        assert ("MasterUsername" in cluster.properties) == ("copy" not in cluster.ref)


def test_each_secret_knows_its_cluster_and_goes_along_to_the_standby(deployed):
    attached = {one.ref for one in deployed.of_type("AWS::SecretsManager::SecretTargetAttachment")}
    assert len(attached) == 3
    for arn in attached:
        secrets = deployed.client("secretsmanager", "us-east-1")
        value = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
        cluster = _cluster(deployed, "us-east-1", value["dbClusterIdentifier"])
        assert value["host"] == cluster["Endpoint"]
        assert value["username"] == cluster["MasterUsername"]
        described = secrets.describe_secret(SecretId=arn)
        copies = [one["Region"] for one in described.get("ReplicationStatus", ())]
        # B is of one Region: after a failover it is made anew.
        assert copies == ([] if value["dbClusterIdentifier"].endswith("-b") else ["us-west-2"])


def test_a_cluster_s_parameters_are_those_of_its_store(deployed):
    for cluster in deployed.of_type("AWS::RDS::DBCluster"):
        rds = deployed.client("rds", cluster.region)
        group = _cluster(deployed, cluster.region, cluster.ref)["DBClusterParameterGroup"]
        answer = rds.describe_db_cluster_parameters(DBClusterParameterGroupName=group)
        values = {one["ParameterName"]: one.get("ParameterValue") for one in answer["Parameters"]}
        assert (values["rds.logical_replication"], values["rds.force_ssl"]) == ("1", "1")
        enhanced = values.get("aurora.enhanced_logical_replication")
        assert enhanced == ("1" if "transaction" in cluster.ref else None)


@pytest.mark.parametrize("region", [region.name for region in PRODUCTION.regions])
def test_the_session_table_is_recoverable_and_forgets_what_expired(deployed, region):
    dynamodb = deployed.client("dynamodb", region)
    table = dynamodb.describe_table(TableName="mainstay-production-sessions")["Table"]
    assert table["DeletionProtectionEnabled"] is True
    expiry = dynamodb.describe_time_to_live(TableName=table["TableName"])
    assert expiry["TimeToLiveDescription"]["AttributeName"] == "expires"
    backups = dynamodb.describe_continuous_backups(TableName=table["TableName"])
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"


def test_each_replica_node_keeps_its_volume_and_its_address_in_its_zone(deployed):
    delayed = PRODUCTION.databases.delayed
    assert delayed is not None
    ec2 = deployed.client("ec2", "us-west-2")
    for part, zone in (("Follower", delayed.follower_zone), ("Delayed", delayed.delayed_zone)):
        volume = deployed.named("us-west-2", "delayed", f"Replica{part}Volume")
        (found,) = ec2.describe_volumes(VolumeIds=[volume.ref])["Volumes"]
        assert (found["VolumeType"], found["Encrypted"]) == ("gp3", True)
        interface = deployed.named("us-west-2", "delayed", f"Replica{part}Address")
        (address,) = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface.ref])[
            "NetworkInterfaces"
        ]
        (subnet,) = ec2.describe_subnets(SubnetIds=[address["SubnetId"]])["Subnets"]
        assert subnet["AvailabilityZone"] == found["AvailabilityZone"]
        assert subnet["AvailabilityZoneId"] == zone
        assert address["PrivateIpAddress"].endswith(".250")


def test_each_replica_node_is_a_group_of_one(deployed):
    groups = deployed.client("autoscaling", "us-west-2").describe_auto_scaling_groups()
    sizes = [(one["MinSize"], one["MaxSize"]) for one in groups["AutoScalingGroups"]]
    assert sizes == [(1, 1), (1, 1)]

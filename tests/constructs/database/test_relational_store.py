"""One type for every relational store: its variants are values, and each comes out right."""

from __future__ import annotations

import aws_cdk as cdk
import pytest

from mainstay.database.instance_size import Provisioned, Serverless
from mainstay.database.membership import Alone, CopyOfGlobalDatabase, FirstOfGlobalDatabase
from mainstay.database.placement import Placement
from mainstay.database.reader_limits import ReaderLimits
from mainstay.database.relational_store import RelationalStore
from mainstay.database.store_keys import StoreKeys
from mainstay.database.store_kind import ENTITY, REPORTING, TRANSACTION
from mainstay.database.upkeep import MASTER_A

RETAIN, DESTROY = cdk.RemovalPolicy.RETAIN, cdk.RemovalPolicy.DESTROY


@pytest.fixture
def store_of(stack, network_of):
    """`store_of(kind=TRANSACTION)`: a store with these arguments changed."""

    def store(**changes) -> RelationalStore:
        keys = StoreKeys(stack, "Keys", removal_policy=RETAIN)
        arguments = {
            "kind": ENTITY,
            "membership": Alone(),
            "identifier": "mainstay-test-entity-a",
            "postgresql_version": "17.6",
            "network": network_of(),
            "placement": Placement(instances=("use1-az2", "use1-az1"), storage=("use1-az4",)),
            "size": Provisioned(instance_class="r8g.large"),
            "readers": ReaderLimits(max_readers=1, cpu_target_percent=50),
            "key": keys.entity,
            "secret_copies": {},
            "upkeep": MASTER_A,
            "backup_retention": cdk.Duration.days(7),
            "removal_policy": RETAIN,
        }
        return RelationalStore(stack, "Store", **(arguments | changes))

    return store


def only(found: dict[str, dict]) -> dict:
    [properties] = found.values()
    return properties


def test_the_volume_stands_in_the_zones_that_are_named_and_instances_in_theirs(store_of, made):
    store_of()
    subnets = [
        {"Fn::GetAtt": [f"NetworkData{zone}Subnet", "AvailabilityZone"]}
        for zone in ("use1az2", "use1az1", "use1az4")
    ]
    names = [
        str(item["Fn::GetAtt"][0])[: len(wanted["Fn::GetAtt"][0])]
        for item, wanted in zip(
            only(made("AWS::RDS::DBCluster"))["AvailabilityZones"], subnets, strict=True
        )
    ]
    assert names == [wanted["Fn::GetAtt"][0] for wanted in subnets]
    tiers = [item["PromotionTier"] for item in made("AWS::RDS::DBInstance").values()]
    assert tiers == [0, 1]


def test_serves_tls_and_iam_alone_and_is_upgraded_by_nobody_else(store_of, made):
    store_of()
    cluster = only(made("AWS::RDS::DBCluster"))
    assert cluster["EnableIAMDatabaseAuthentication"] is True
    assert cluster["AutoMinorVersionUpgrade"] is False
    assert cluster["StorageType"] == "aurora-iopt1"
    assert cluster["EngineLifecycleSupport"] == "open-source-rds-extended-support-disabled"
    assert cluster["EnableCloudwatchLogsExports"] == ["postgresql"]
    assert cluster["PerformanceInsightsEnabled"] is True
    assert only(made("AWS::RDS::DBClusterParameterGroup"))["Parameters"]["rds.force_ssl"] == "1"


@pytest.mark.parametrize("kind", [ENTITY, TRANSACTION, REPORTING], ids=lambda kind: kind.name)
def test_every_kind_can_publish_and_subscribe(store_of, made, kind):
    store_of(kind=kind)
    parameters = only(made("AWS::RDS::DBClusterParameterGroup"))["Parameters"]
    assert parameters["rds.logical_replication"] == "1"
    enhanced = "aurora.enhanced_logical_replication" in parameters
    assert enhanced == (kind is TRANSACTION)


def test_alone_it_belongs_to_no_global_database(store_of, made):
    store_of()
    assert made("AWS::RDS::GlobalCluster") == {}
    assert "GlobalClusterIdentifier" not in only(made("AWS::RDS::DBCluster"))


def test_the_first_makes_the_global_database_and_its_secret_goes_along(store_of, made):
    store_of(
        membership=FirstOfGlobalDatabase(global_identifier="mainstay-test-entity"),
        secret_copies={"us-west-2": "arn:aws:kms:us-west-2:111122223333:key/there"},
    )
    whole = only(made("AWS::RDS::GlobalCluster"))
    assert whole["GlobalClusterIdentifier"] == "mainstay-test-entity"
    assert whole["DeletionProtection"] is True
    secret = only(made("AWS::SecretsManager::Secret"))
    assert secret["ReplicaRegions"] == [
        {"KmsKeyId": "arn:aws:kms:us-west-2:111122223333:key/there", "Region": "us-west-2"}
    ]


def test_a_copy_joins_without_user_or_database_of_its_own(store_of, made):
    store = store_of(
        membership=CopyOfGlobalDatabase(global_identifier="mainstay-test-entity"),
        readers=ReaderLimits(max_readers=5, cpu_target_percent=50),
    )
    cluster = only(made("AWS::RDS::DBCluster"))
    assert cluster["GlobalClusterIdentifier"] == "mainstay-test-entity"
    unwanted = {"MasterUsername", "MasterUserPassword", "DatabaseName"}
    unwanted |= {"ReplicationSourceIdentifier", "EngineLifecycleSupport"}
    assert unwanted.isdisjoint(cluster)
    assert store.secret is None
    assert made("AWS::SecretsManager::Secret") == {}
    assert made("AWS::ApplicationAutoScaling::ScalableTarget") == {}  # Aurora refuses it


def test_serverless_instances_are_alike_and_bounded(store_of, made):
    store_of(size=Serverless(min_acu=0.5, max_acu=4.0))
    capacity = only(made("AWS::RDS::DBCluster"))["ServerlessV2ScalingConfiguration"]
    assert capacity == {"MinCapacity": 0.5, "MaxCapacity": 4}
    classes = {item["DBInstanceClass"] for item in made("AWS::RDS::DBInstance").values()}
    assert classes == {"db.serverless"}


def test_readers_scale_between_those_of_the_template_and_the_ceiling(store_of, made):
    store_of(readers=ReaderLimits(max_readers=4, cpu_target_percent=60))
    target = only(made("AWS::ApplicationAutoScaling::ScalableTarget"))
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 4)
    policy = only(made("AWS::ApplicationAutoScaling::ScalingPolicy"))
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["TargetValue"] == 60


def test_where_nothing_is_kept_one_command_destroys_it(store_of, made, stack):
    store_of(removal_policy=DESTROY)
    assert only(made("AWS::RDS::DBCluster"))["DeletionProtection"] is False
    template = cdk.assertions.Template.from_stack(stack).to_json()["Resources"]
    kept = [
        logical_id
        for logical_id, resource in template.items()
        if resource["Type"].startswith("AWS::RDS::")
        and resource.get("DeletionPolicy") not in ("Delete", None)
    ]
    assert kept == []


def test_fails_on_a_zone_that_the_network_lacks(store_of):
    with pytest.raises(ValueError, match="got 'use1-az6'"):
        store_of(placement=Placement(instances=("use1-az6", "use1-az1")))

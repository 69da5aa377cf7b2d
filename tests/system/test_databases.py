"""The database tier of a whole environment: where its replicas stand, and what protects them."""

from __future__ import annotations

import json
from collections import defaultdict

import pytest

CLUSTER, INSTANCE = "AWS::RDS::DBCluster", "AWS::RDS::DBInstance"


def zone(system, stack, value) -> str:
    """The zone id behind a reference to a subnet's letter."""
    return system.resource(stack, value).properties["AvailabilityZoneId"]


def zones_of_clusters(system) -> dict[str, list[str]]:
    """By cluster's identifier: the zone of each of its instances, the first one first."""
    found: dict[str, list[str]] = defaultdict(list)
    for instance in system.of_type(INSTANCE):
        cluster = system.resource(instance.stack, instance.properties["DBClusterIdentifier"])
        place = zone(system, instance.stack, instance.properties["AvailabilityZone"])
        found[cluster.properties["DBClusterIdentifier"]].append(place)
    return dict(found)


def volume_zones(system) -> dict[str, set[str]]:
    """By cluster's identifier: the zones that hold its volume's copies."""
    return {
        cluster.properties["DBClusterIdentifier"]: {
            zone(system, cluster.stack, item) for item in cluster.properties["AvailabilityZones"]
        }
        for cluster in system.of_type(CLUSTER)
    }


def replica_zones(system) -> dict[str, str]:
    """By part, follower and delayed: the zone of its volume."""
    return {
        tag["Value"]: zone(system, volume.stack, volume.properties["AvailabilityZone"])
        for volume in system.of_type("AWS::EC2::Volume")
        for tag in volume.properties["Tags"]
        if tag["Key"] == "mainstay:replica"
    }


def test_live_replicas_of_production_stand_in_seven_zones(production_system):
    """The paper asks for six."""
    live = {place for zones in zones_of_clusters(production_system).values() for place in zones}
    assert live == {
        *("use1-az1", "use1-az2", "use1-az4", "use1-az5", "use1-az6"),
        *("usw2-az1", "usw2-az2"),
    }


def test_the_masters_of_production_stand_where_the_architecture_says(production_system):
    zones = zones_of_clusters(production_system)
    assert zones["mainstay-production-entity-a"] == ["use1-az1", "use1-az2", "use1-az4"]
    assert zones["mainstay-production-entity-b"] == ["use1-az6", "use1-az5", "use1-az4"]
    assert zones["mainstay-production-transaction-a"] == ["use1-az6", "use1-az5", "use1-az4"]


def test_losing_every_master_s_zone_leaves_each_volume_four_of_its_six_copies(production_system):
    """Two copies in each of three zones; readable with three, writable with four."""
    masters = {zones[0] for zones in zones_of_clusters(production_system).values()}
    for name, zones in volume_zones(production_system).items():
        assert len(zones) == 3, name
        if "copy" not in name:
            assert 2 * len(zones - masters) >= 4, name


def test_the_delayed_replica_has_a_zone_without_any_live_data(system):
    replicas = replica_zones(system)
    if not replicas:
        assert system.environment.databases.delayed is None
        return
    live = {place for zones in zones_of_clusters(system).values() for place in zones}
    assert live.isdisjoint(replicas.values())
    volumes = {place for zones in volume_zones(system).values() for place in zones}
    assert replicas["delayed"] not in volumes | {replicas["follower"]}


def test_no_warehouse_stands_beside_the_delayed_replica(production_system):
    delayed = replica_zones(production_system)["delayed"]
    for workgroup in production_system.of_type("AWS::RedshiftServerless::Workgroup"):
        subnets = workgroup.properties["SubnetIds"]
        zones = production_system.zones(workgroup.stack, subnets)
        assert len(set(zones)) == 3
        assert delayed not in zones


@pytest.mark.parametrize("store", ["entity", "transaction"])
def test_a_full_copy_stands_in_two_zones_of_the_standby_region(production_system, store):
    assert zones_of_clusters(production_system)[f"mainstay-production-{store}-copy"] == [
        "usw2-az1",
        "usw2-az2",
    ]


@pytest.mark.parametrize("environment", ["production", "small"])
def test_every_relational_store_has_its_copy_in_the_standby_region(systems, environment):
    system = systems(environment)
    wholes = {
        whole.properties["GlobalClusterIdentifier"]: system.resource(
            whole.stack, whole.properties["SourceDBClusterIdentifier"]["Fn::Join"][1][-1]
        )
        for whole in system.of_type("AWS::RDS::GlobalCluster")
    }
    copies = [
        cluster
        for cluster in system.of_type(CLUSTER)
        if "GlobalClusterIdentifier" in cluster.properties
    ]
    assert len(wholes) == len(copies) == 2
    for copy in copies:
        first = wholes[copy.properties["GlobalClusterIdentifier"]]
        assert (first.stack.region, copy.stack.region) == tuple(system.regions)
        assert first.properties["EngineVersion"] == copy.properties["EngineVersion"]
        assert "MasterUsername" not in copy.properties
        assert "ReplicationSourceIdentifier" not in copy.properties


@pytest.mark.parametrize("environment", ["production", "small"])
def test_sessions_and_reports_are_copied_to_the_standby_region(systems, environment):
    system = systems(environment)
    primary, standby = system.regions
    [sessions] = [
        table
        for table in system.of_type("AWS::DynamoDB::GlobalTable")
        if table.stack.name.endswith("-session")
    ]
    assert {replica["Region"] for replica in sessions.properties["Replicas"]} == {primary, standby}
    [filled] = [
        namespace
        for namespace in system.of_type("AWS::RedshiftServerless::Namespace")
        if "SnapshotCopyConfigurations" in namespace.properties
    ]
    [copy] = filled.properties["SnapshotCopyConfigurations"]
    assert copy["DestinationRegion"] == standby
    assert system.resource(filled.stack, copy["DestinationKmsKeyId"]).stack.region == standby


def test_every_key_of_a_store_is_of_its_own_region_and_of_no_other_store(system):
    for cluster in system.of_type(CLUSTER):
        key = system.resource(cluster.stack, cluster.properties["KmsKeyId"])
        assert key.stack.region == cluster.stack.region
        store = cluster.properties["DBClusterIdentifier"].split("-")[2]
        assert key.name == f"Keys{store.capitalize()}"
    for table in system.of_type("AWS::DynamoDB::GlobalTable"):
        for replica in table.properties["Replicas"]:
            if "SSESpecification" in replica:
                key = system.resource(table.stack, replica["SSESpecification"]["KMSMasterKeyId"])
                assert (key.stack.region, key.name) == (replica["Region"], "KeysSession")


@pytest.mark.parametrize("environment", ["production", "small"])
def test_no_store_can_be_deleted_read_or_lost_by_an_edit(systems, environment):
    """A warehouse and a volume know no deletion protection; their stacks do."""
    system = systems(environment)
    days = system.environment.databases.backup_days
    for cluster in system.of_type(CLUSTER):
        assert cluster.properties["DeletionProtection"] is True
        assert cluster.properties["StorageEncrypted"] is True
        assert cluster.properties["BackupRetentionPeriod"] == days
    for whole in system.of_type("AWS::RDS::GlobalCluster"):
        assert whole.properties["DeletionProtection"] is True
    for table in system.of_type("AWS::DynamoDB::GlobalTable"):
        for replica in table.properties["Replicas"]:
            assert replica["DeletionProtectionEnabled"] is True
            recovery = replica["PointInTimeRecoverySpecification"]
            assert recovery["PointInTimeRecoveryEnabled"] is True
    for namespace in system.of_type("AWS::RedshiftServerless::Namespace"):
        assert "KmsKeyId" in namespace.properties
        assert namespace.stack.termination_protection
        for copy in namespace.properties.get("SnapshotCopyConfigurations", ()):
            expected = system.environment.databases.reporting.copy_retention_days
            assert copy["SnapshotRetentionPeriod"] == expected
    for volume in system.of_type("AWS::EC2::Volume"):
        assert volume.properties["Encrypted"] is True
        assert volume.stack.termination_protection


def test_every_instance_of_a_cluster_could_be_its_writer(system):
    classes = defaultdict(set)
    for instance in system.of_type(INSTANCE):
        cluster = instance.properties["DBClusterIdentifier"]["Ref"]
        classes[instance.stack.name, cluster].add(instance.properties["DBInstanceClass"])
        assert instance.properties["PubliclyAccessible"] is False
        assert instance.properties["AutoMinorVersionUpgrade"] is False
    assert all(len(found) == 1 for found in classes.values())


def test_instances_change_one_after_the_other(system):
    """Each waits, by itself or through another, for all that come before it."""

    def needs(stack, logical_id: str) -> set[str]:
        depends = stack.resources[logical_id].get("DependsOn", [])
        direct = {depends} if isinstance(depends, str) else set(depends)
        instances = {one for one in direct if stack.resources[one]["Type"] == INSTANCE}
        return instances.union(*(needs(stack, one) for one in instances))

    for stack in system.stacks.values():
        waits = sorted(len(needs(stack, logical_id)) for logical_id in stack.of_type(INSTANCE))
        assert waits == list(range(len(waits))), stack.name


def test_no_two_clusters_are_maintained_at_once(system):
    windows = [
        cluster.properties["PreferredMaintenanceWindow"] for cluster in system.of_type(CLUSTER)
    ]
    assert len(windows) == len({window[:3] for window in windows})


def test_readers_scale_in_the_primary_and_copies_do_not(production_system):
    scaled = {
        target.stack.name.rpartition("-")[2]: (
            target.properties["MinCapacity"],
            target.properties["MaxCapacity"],
        )
        for target in production_system.of_type("AWS::ApplicationAutoScaling::ScalableTarget")
        if target.properties["ServiceNamespace"] == "rds"
    }
    assert scaled == {"entitya": (2, 8), "entityb": (2, 8), "transaction": (2, 4)}


def test_the_source_of_the_reports_has_what_zero_etl_demands(systems):
    for name in ("production", "small"):
        system = systems(name)
        [integration] = system.of_type("AWS::RDS::Integration")
        source = system.resource(
            integration.stack, integration.properties["SourceArn"]["Fn::Join"][1][-1]
        )
        group = source.stack.resources[source.properties["DBClusterParameterGroupName"]["Ref"]]
        wanted = {
            "rds.logical_replication": "1",
            "aurora.enhanced_logical_replication": "1",
            "aurora.logical_replication_backup": "0",
            "aurora.logical_replication_globaldb": "0",
        }
        assert wanted.items() <= group["Properties"]["Parameters"].items()
        [workgroup] = [
            item
            for item in system.of_type("AWS::RedshiftServerless::Workgroup")
            if item.stack is integration.stack
        ]
        settings = {
            item["ParameterKey"]: item["ParameterValue"]
            for item in workgroup.properties["ConfigParameters"]
        }
        assert settings["enable_case_sensitive_identifier"] == "true"


def test_a_developer_s_reports_are_plain_postgresql(systems):
    dev = systems("dev")
    assert list(dev.of_type("AWS::RedshiftServerless::Namespace")) == []
    assert "mainstay-dev-reporting" in zones_of_clusters(dev)


def test_replica_nodes_have_no_public_path_and_give_credentials_by_imdsv2_alone(system):
    for template in system.of_type("AWS::EC2::LaunchTemplate"):
        data = template.properties["LaunchTemplateData"]
        assert data["MetadataOptions"]["HttpTokens"] == "required"
        [interface] = data["NetworkInterfaces"]
        assert interface["AssociatePublicIpAddress"] is False
        assert "KeyName" not in data
        assert data["ImageId"].startswith("resolve:ssm:/aws/service/")
        for device in data["BlockDeviceMappings"]:
            assert device["Ebs"]["Encrypted"] is True


def test_the_replica_is_as_far_behind_as_configured(production_system):
    delay = production_system.environment.databases.delayed.delay_minutes
    scripts = {
        template.name: json.dumps(template.properties["LaunchTemplateData"]["UserData"])
        for template in production_system.of_type("AWS::EC2::LaunchTemplate")
    }
    assert f"DELAY_MINUTES='{delay}'" in scripts["ReplicaDelayedTemplate"]
    assert "DELAY_MINUTES='" not in scripts["ReplicaFollowerTemplate"]


def test_operations_of_a_region_know_its_nodes_and_each_password(system):
    for region in system.regions:
        [task] = [
            task
            for task in system.of_type("AWS::ECS::TaskDefinition", region)
            if task.stack.name.endswith("-operations")
        ]
        [container] = task.properties["ContainerDefinitions"]
        variables = {item["Name"]: item["Value"] for item in container["Environment"]}
        nodes = {name.removesuffix("_HOST") for name in variables if name.endswith("_HOST")}
        databases = system.environment.databases
        expected = {"ENTITY_A", "TRANSACTION"}
        if databases.entity.master_b is not None and region == system.regions[0]:
            expected |= {"ENTITY_B"}
        if databases.delayed is not None:
            expected |= {"FOLLOWER", "DELAYED"}
        assert nodes == expected
        names = {
            secret.properties["Name"]
            for secret in system.of_type("AWS::SecretsManager::Secret")
            if secret.stack.region == region
            or any(copy["Region"] == region for copy in secret.properties.get("ReplicaRegions", ()))
        }
        assert {variables[f"{node}_SECRET"] for node in nodes} <= names
        assert variables["REPLICATION_SECRET"] in names
        assert "CONTROL_TABLE" in variables

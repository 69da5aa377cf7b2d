"""The database tier's values: what is refused, and with which words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from config.cluster import ClusterZones
from config.databases import ReportingCluster
from config.environments import DEV, ENVIRONMENTS, PRODUCTION, SMALL
from config.problems import InvalidEnvironmentError

DATABASES = PRODUCTION.databases


def refused(**changes: Any) -> str:
    """What is said about production with these changes of its databases."""
    with pytest.raises(InvalidEnvironmentError) as refusal:
        replace(PRODUCTION, databases=replace(DATABASES, **changes))
    return str(refusal.value)


def entity(**changes: Any) -> str:
    return refused(entity=replace(DATABASES.entity, **changes))


def size(**changes: Any) -> str:
    return entity(size=replace(DATABASES.entity.size, **changes))


def warehouse(**changes: Any) -> str:
    return refused(reporting=replace(DATABASES.reporting, **changes))


def delayed(**changes: Any) -> str:
    assert DATABASES.delayed is not None
    return refused(delayed=replace(DATABASES.delayed, **changes))


def zones(writer: str, *readers: str, storage: tuple[str, ...] = ()) -> ClusterZones:
    return ClusterZones(writer=writer, readers=readers, storage=storage)


def test_refuses_a_zone_of_another_region():
    message = entity(master_a=zones("use1-az1", "usw2-az1", "use1-az4"))
    assert "'production.databases.entity.master_a' should stand in zones of us-east-1" in message
    assert "got 'usw2-az1'" in message


def test_refuses_a_cluster_in_four_zones():
    message = entity(master_a=zones("use1-az1", "use1-az2", "use1-az4", "use1-az5"))
    assert "should span 2 or 3 zones, as an Aurora cluster does, got 4" in message


def test_refuses_a_cluster_in_one_zone():
    assert "should span 2 or 3 zones" in entity(master_a=zones("use1-az1"))


def test_refuses_two_instances_in_a_zone():
    message = entity(master_a=zones("use1-az1", "use1-az1", "use1-az2"))
    assert "should name 'use1-az1' once: two instances in a zone are lost together" in message


def test_refuses_both_masters_in_one_zone():
    message = entity(master_b=zones("use1-az1", "use1-az5", "use1-az4"))
    assert "'production.databases.entity.master_b.writer' should be in another zone" in message


def test_refuses_a_standby_without_its_copy():
    assert "the standby Region needs its copy" in entity(standby=None)


def test_refuses_a_copy_without_a_standby():
    with pytest.raises(InvalidEnvironmentError, match="there is no standby Region"):
        replace(
            DEV,
            databases=replace(
                DEV.databases, entity=replace(DEV.databases.entity, standby=zones("use1-az1"))
            ),
        )


@pytest.mark.parametrize("name", ["t4g.medium", "t3.large"])
def test_refuses_burstable_instances(name: str):
    assert "should not be burstable: an Aurora global database takes none" in size(
        instance_class=name
    )


@pytest.mark.parametrize("name", ["db.r8g.large", "large", ""])
def test_refuses_what_is_no_instance_class(name: str):
    assert f"or 'serverless', got '{name}'" in size(instance_class=name)


def test_refuses_fewer_readers_than_there_are():
    assert "'production.databases.entity.size.max_readers' should be 2" in size(max_readers=1)


def test_refuses_capacity_in_other_steps():
    assert "should be 0.5 to 256.0 in steps of 0.5, got 0.3" in size(
        instance_class="serverless", min_acu=0.3, max_acu=4.0
    )


def test_refuses_a_ceiling_below_the_floor():
    assert "max_acu' should be at least min_acu (4.0), got 2.0" in size(
        instance_class="serverless", min_acu=4.0, max_acu=2.0
    )


@pytest.mark.parametrize("version", ["16.4", "17", "17.x", ""])
def test_refuses_another_postgresql(version: str):
    assert f"such as '17.6', got '{version}'" in refused(postgresql_version=version)


@pytest.mark.parametrize("days", [0, 36])
def test_refuses_backups_that_aurora_does_not_keep(days: int):
    assert f"backup_days' should be 1 to 35, got {days}" in refused(backup_days=days)


def test_refuses_sessions_without_a_ceiling():
    assert "'production.databases.session.max_write_units' should be at least 1" in refused(
        session=replace(DATABASES.session, max_write_units=0)
    )


def test_refuses_a_warehouse_in_two_zones():
    message = warehouse(zone_ids=("use1-az1", "use1-az2"))
    assert "should hold at least 3 zones, for Redshift Serverless wants a subnet in each" in message


@pytest.mark.parametrize("units", [0, 12, 520])
def test_refuses_other_sizes_of_a_warehouse(units: int):
    assert f"base_rpu' should be 8 to 512 in steps of 8, got {units}" in warehouse(base_rpu=units)


def test_refuses_reports_without_a_copy_where_there_is_a_standby():
    plain = ReportingCluster(zones=zones("use1-az1", "use1-az2"), size=SMALL.databases.entity.size)
    assert "'production.databases.reporting' should be a Warehouse" in refused(reporting=plain)


def test_refuses_the_delayed_replica_beside_a_live_one():
    message = delayed(delayed_zone="usw2-az1")
    assert "delayed_zone' should hold no live replica, and 'usw2-az1' does" in message


def test_refuses_the_delayed_replica_beside_its_follower():
    assert "should not be the follower's, got 'usw2-az3'" in delayed(delayed_zone="usw2-az3")


@pytest.mark.parametrize("minutes", [0, 1441])
def test_refuses_other_delays(minutes: int):
    assert f"delay_minutes' should be 1 to 1440, got {minutes}" in delayed(delay_minutes=minutes)


def test_refuses_a_machine_that_is_not_on_graviton():
    assert "should be a Graviton type such as 'r8g.large'" in delayed(instance_type="m5.large")


@pytest.mark.parametrize(
    ("field", "value"),
    [("volume_gib", 4), ("volume_iops", 100), ("volume_mib_per_second", 5_000)],
)
def test_refuses_volumes_that_ebs_does_not_make(field: str, value: int):
    assert f"'production.databases.delayed.{field}' should be" in delayed(**{field: value})


def test_refuses_a_parameter_that_is_no_name():
    assert "should be the name of an SSM parameter" in delayed(image_parameter="ami-0123")


def test_refuses_a_delayed_replica_without_a_standby():
    with pytest.raises(InvalidEnvironmentError, match="there is none"):
        replace(DEV, databases=replace(DEV.databases, delayed=DATABASES.delayed))


def test_names_a_reporting_of_the_wrong_type():
    assert "'production.databases.reporting' should be" in refused(reporting="redshift")


def test_every_environment_but_a_developer_s_has_both_masters_and_the_delayed_replica():
    for name, environment in ENVIRONMENTS.items():
        has = environment.databases.delayed is not None
        assert has == (environment.databases.entity.master_b is not None) == (name != "dev")

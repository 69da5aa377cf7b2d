"""A legacy edge that fails must not take its Region out of DNS while traffic moves."""

from __future__ import annotations

import dataclasses
import shlex

import pytest

from config.region import LegacyEdge
from deploy.checks.legacy_groups import legacy_groups

COUNT = "target_group_health.dns_failover.minimum_healthy_targets.count"
PERCENTAGE = "target_group_health.dns_failover.minimum_healthy_targets.percentage"


@pytest.fixture
def environment(account, owned):
    """Production, whose primary Region has a legacy edge in a target group that stands."""
    region = owned.primary.name
    vpc = account("ec2", region).create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    group = account("elbv2", region).create_target_group(
        Name="legacy", Protocol="HTTPS", Port=8443, VpcId=vpc
    )["TargetGroups"][0]
    edge = LegacyEdge(target_group_arn=group["TargetGroupArn"], cidr="10.9.0.0/20", port=8443)
    return dataclasses.replace(owned, primary=dataclasses.replace(owned.primary, legacy_edge=edge))


def set_to(account, environment, **values):
    names = {"count": COUNT, "percentage": PERCENTAGE}
    account("elbv2", environment.primary.name).modify_target_group_attributes(
        TargetGroupArn=environment.primary.legacy_edge.target_group_arn,
        Attributes=[{"Key": names[name], "Value": value} for name, value in values.items()],
    )


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({}, [COUNT]),  # AWS's default is one healthy target
        ({"count": "1"}, [COUNT]),
        ({"count": "off", "percentage": "50"}, [PERCENTAGE]),
        ({"count": "2", "percentage": "50"}, [COUNT, PERCENTAGE]),
    ],
)
def test_a_group_that_counts_for_dns_is_a_problem_until_its_command_was_typed(
    account, environment, values, named
):
    set_to(account, environment, **values)
    [problem] = legacy_groups(account, environment)
    assert environment.primary.name in problem.what
    command = shlex.split(problem.fix)
    assert command[:3] == ["aws", "elbv2", "modify-target-group-attributes"]
    attributes = command[command.index("--attributes") + 1 :]
    assert attributes == [f"Key={name},Value=off" for name in named]
    pairs = [dict(field.split("=") for field in one.split(",")) for one in attributes]
    account("elbv2", command[command.index("--region") + 1]).modify_target_group_attributes(
        TargetGroupArn=command[command.index("--target-group-arn") + 1], Attributes=pairs
    )
    assert list(legacy_groups(account, environment)) == []


def test_an_environment_without_a_legacy_edge_asks_nothing(owned):
    def clients(service, region):
        raise AssertionError(f"{service} of {region} was asked")

    assert list(legacy_groups(clients, owned)) == []

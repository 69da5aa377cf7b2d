"""A Region's records without a second Region, and under either policy."""

from __future__ import annotations

import pytest
from aws_cdk import aws_route53 as route53

from mainstay.dns.region_records import RegionRecords
from mainstay.dns.routing import FailoverRouting, LatencyRouting

PRIMARY = FailoverRouting(route53.Failover.PRIMARY)


@pytest.fixture
def records(stack, zone, balancer):
    def records(routing=PRIMARY, exit_alarm=None):
        return RegionRecords(
            stack,
            "Region",
            zone=zone,
            domain="id.example.com",
            load_balancer=balancer,
            routing=routing,
            exit_alarm=exit_alarm,
        )

    return records


def checks(made) -> list[dict]:
    return [item["HealthCheckConfig"] for item in made("AWS::Route53::HealthCheck").values()]


def test_a_single_region_is_held_in_dns_by_its_logins_alone(records, made):
    records()
    assert [check["Type"] for check in checks(made)] == ["HTTPS"]


def test_with_a_switch_both_must_agree(records, made):
    records(exit_alarm=route53.AlarmIdentifier(name="left", region="us-west-2"))
    [both] = [check for check in checks(made) if check["Type"] == "CALCULATED"]
    assert both["HealthThreshold"] == len(both["ChildHealthChecks"]) == 2


def test_targets_are_evaluated(records, made):
    """The CDK drops this silently when it is given in the wrong form."""
    records()
    for record in made("AWS::Route53::RecordSet").values():
        assert record["AliasTarget"]["EvaluateTargetHealth"] is True


@pytest.mark.parametrize("role", ["PRIMARY", "SECONDARY"])
def test_failover_gives_a_region_its_role(records, made, role):
    records(FailoverRouting(route53.Failover[role]))
    routed = [item for item in made("AWS::Route53::RecordSet").values() if "SetIdentifier" in item]
    assert [item["Failover"] for item in routed] == [role, role]


def test_latency_names_the_region(records, made):
    records(LatencyRouting())
    routed = [item for item in made("AWS::Route53::RecordSet").values() if "SetIdentifier" in item]
    assert [item["Region"] for item in routed] == ["us-east-1", "us-east-1"]

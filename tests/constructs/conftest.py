"""What a construct under test is put into: a network, a zone, a load balancer."""

from __future__ import annotations

import aws_cdk as cdk
import pytest
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53 as route53
from aws_cdk.assertions import Template

from mainstay.network.egress import EndpointsOnly
from mainstay.network.network import Network

ZONES = ("use1-az1", "use1-az2", "use1-az4")


@pytest.fixture
def log_group(stack) -> logs.LogGroup:
    return logs.LogGroup(stack, "Logs")


@pytest.fixture
def network_of(stack, log_group):
    """`network_of(egress=NatPerZone())`: a network in the stack, with these arguments changed."""

    def network(**changes) -> Network:
        arguments = {
            "cidr": "10.0.0.0/16",
            "zone_ids": ZONES,
            "data_zone_ids": (),
            "egress": EndpointsOnly(),
            "flow_log_group": log_group,
        }
        return Network(stack, "Network", **(arguments | changes))

    return network


@pytest.fixture
def balancer(stack, network_of) -> elbv2.ApplicationLoadBalancer:
    network = network_of()
    return elbv2.ApplicationLoadBalancer(
        stack, "Balancer", vpc=network.vpc, vpc_subnets=network.subnets("public")
    )


@pytest.fixture
def zone(stack) -> route53.IHostedZone:
    return route53.HostedZone.from_hosted_zone_attributes(
        stack, "Zone", hosted_zone_id="Z0123", zone_name="id.example.com"
    )


@pytest.fixture
def made(stack: cdk.Stack):
    """`made("AWS::EC2::Subnet")`: the properties of each resource of a type, by logical id."""

    def made(kind: str) -> dict[str, dict]:
        found = Template.from_stack(stack).find_resources(kind)
        return {logical_id: item.get("Properties", {}) for logical_id, item in found.items()}

    return made

"""The network of a Region, in the variants that no shipped environment shows."""

from __future__ import annotations

import aws_cdk as cdk
import pytest
from aws_cdk import aws_logs as logs
from aws_cdk.assertions import Template

from mainstay.network.egress import EndpointsOnly, NatPerZone
from mainstay.network.network import Network


def zones(made, tier: str) -> set[str]:
    return {
        subnet["AvailabilityZoneId"]
        for subnet in made("AWS::EC2::Subnet").values()
        if {"Key": "mainstay:tier", "Value": tier} in subnet["Tags"]
    }


def test_a_data_only_zone_holds_the_data_tier_alone(network_of, made):
    network_of(data_zone_ids=("use1-az5",))
    assert "use1-az5" in zones(made, "data")
    for tier in ("public", "edge", "app"):
        assert "use1-az5" not in zones(made, tier)


def test_adding_a_zone_changes_no_subnet_that_was_there():
    """CloudFormation replaces a subnet whose range changes, and everything in it."""
    few = subnets_over("use1-az2", "use1-az4")
    more = subnets_over("use1-az1", "use1-az2", "use1-az4")
    assert few.items() < more.items()


def subnets_over(*zone_ids: str) -> dict[str, str]:
    """Logical id -> range."""
    stack = cdk.Stack(cdk.App(), "Test")
    Network(
        stack,
        "Network",
        cidr="10.0.0.0/16",
        zone_ids=zone_ids,
        data_zone_ids=(),
        egress=EndpointsOnly(),
        flow_log_group=logs.LogGroup(stack, "Logs"),
    )
    found = Template.from_stack(stack).find_resources("AWS::EC2::Subnet")
    return {logical_id: item["Properties"]["CidrBlock"] for logical_id, item in found.items()}


def test_a_nat_gateway_stands_in_each_zone(network_of, made):
    network_of(egress=NatPerZone())
    assert len(made("AWS::EC2::NatGateway")) == len(made("AWS::EC2::EIP")) == 3


def test_a_data_only_zone_has_no_nat_gateway(network_of, made):
    network_of(egress=NatPerZone(), data_zone_ids=("use1-az5",))
    assert len(made("AWS::EC2::NatGateway")) == 3


def test_with_nat_gateways_there_are_no_paid_endpoints(network_of, made):
    network_of(egress=NatPerZone())
    assert {item["VpcEndpointType"] for item in made("AWS::EC2::VPCEndpoint").values()} == {
        "Gateway"
    }


@pytest.mark.parametrize("egress", [NatPerZone, EndpointsOnly])
def test_replicas_reach_their_volume_their_passwords_and_their_operator(network_of, made, egress):
    network_of(egress=egress(for_replicas=True))
    services = {
        item["ServiceName"].rpartition("us-east-1.")[2]
        for item in made("AWS::EC2::VPCEndpoint").values()
        if item["VpcEndpointType"] == "Interface"
    }
    assert {"ec2", "secretsmanager", "ssm", "ssmmessages"} <= services


def test_names_the_letter_of_a_zone_by_its_data_subnet(network_of, stack):
    network = network_of(data_zone_ids=("use1-az5",))
    [subnet] = network.data_subnets(["use1-az5"]).subnets
    assert stack.resolve(network.zone_name("use1-az5")) == {
        "Fn::GetAtt": [stack.resolve(subnet.subnet_id)["Ref"], "AvailabilityZone"]
    }


def test_fails_on_a_zone_without_data_subnet(network_of):
    with pytest.raises(ValueError, match="one of use1-az1, use1-az2, use1-az4, got 'use1-az6'"):
        network_of().zone_name("use1-az6")


def test_endpoints_answer_under_the_services_own_names(network_of, made):
    network_of(egress=EndpointsOnly())
    endpoints = [
        item
        for item in made("AWS::EC2::VPCEndpoint").values()
        if item["VpcEndpointType"] == "Interface"
    ]
    assert len(endpoints) == 8
    for endpoint in endpoints:
        assert endpoint["PrivateDnsEnabled"] is True
        assert len(endpoint["SubnetIds"]) == 3  # one per zone


def test_hands_out_the_route_tables_of_a_tier_by_zone(network_of):
    network = network_of(data_zone_ids=("use1-az5",))
    assert list(network.route_table_ids("app")) == ["use1-az1", "use1-az2", "use1-az4"]
    assert list(network.route_table_ids("data")) == [*network.route_table_ids("app"), "use1-az5"]

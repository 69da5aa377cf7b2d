"""Where things stand: Regions, Availability Zones by id, and addresses."""

from __future__ import annotations

import ipaddress
from itertools import combinations

import pytest

EVERY_TIER = {
    "us-east-1": ["use1-az1", "use1-az2", "use1-az4", "use1-az5", "use1-az6"],
    "us-west-2": ["usw2-az1", "usw2-az2"],
}
DATA_ALONE = {"us-east-1": [], "us-west-2": ["usw2-az3", "usw2-az4"]}


def subnets_by_tier(system, region: str) -> dict[str, list[str]]:
    """Zone ids by the tier that the subnet's tag names."""
    found: dict[str, list[str]] = {}
    for subnet in system.of_type("AWS::EC2::Subnet", region):
        tags = {tag["Key"]: tag["Value"] for tag in subnet.properties["Tags"]}
        zone = subnet.properties["AvailabilityZoneId"]
        found.setdefault(tags["mainstay:tier"], []).append(zone)
    return found


def test_production_stands_in_two_regions(production_system):
    assert {stack.region for stack in production_system.stacks.values()} == set(EVERY_TIER)


@pytest.mark.parametrize(
    "part", ["network", "control", "certificate", "app", "edge", "records", "logs"]
)
def test_every_region_has_every_part(system, part):
    for region in system.regions:
        assert system.part(region, part).resources


@pytest.mark.parametrize("region", EVERY_TIER)
def test_production_has_a_subnet_of_every_tier_in_every_zone(production_system, region):
    tiers = subnets_by_tier(production_system, region)
    for tier in ("public", "edge", "app"):
        assert tiers[tier] == EVERY_TIER[region]
    assert tiers["data"] == EVERY_TIER[region] + DATA_ALONE[region]


def test_the_subnets_are_those_of_the_configuration(system):
    for region in system.environment.regions:
        tiers = subnets_by_tier(system, region.name)
        assert tuple(tiers["app"]) == region.zone_ids
        assert tuple(tiers["data"]) == (*region.zone_ids, *region.data_zone_ids)


@pytest.mark.parametrize("region", EVERY_TIER)
def test_every_service_of_production_spans_every_zone(production_system, region):
    services = [
        service for service in production_system.services() if service.stack.region == region
    ]
    assert len(services) == 3  # the edge, and both halves of the app tier
    for service in services:
        placed = service.properties["NetworkConfiguration"]["AwsvpcConfiguration"]["Subnets"]
        assert production_system.zones(service.stack, placed) == EVERY_TIER[region]


@pytest.mark.parametrize("region", EVERY_TIER)
def test_both_load_balancers_of_production_span_every_zone(production_system, region):
    kind = "AWS::ElasticLoadBalancingV2::LoadBalancer"
    balancers = list(production_system.of_type(kind, region))
    assert sorted(balancer.properties["Scheme"] for balancer in balancers) == [
        "internal",
        "internet-facing",
    ]
    for balancer in balancers:
        zones = production_system.zones(balancer.stack, balancer.properties["Subnets"])
        assert zones == EVERY_TIER[region]


def test_tasks_and_balancers_stand_in_the_subnets_of_their_tier(system):
    def tiers(resource, subnets):
        found = [system.resource(resource.stack, subnet) for subnet in subnets]
        return {
            tag["Value"]
            for item in found
            for tag in item.properties["Tags"]
            if tag["Key"] == "mainstay:tier"
        }

    for service in system.services():
        placed = service.properties["NetworkConfiguration"]["AwsvpcConfiguration"]["Subnets"]
        assert tiers(service, placed) == {system.tier_of(service)}
    for balancer in system.of_type("AWS::ElasticLoadBalancingV2::LoadBalancer"):
        tier = "public" if balancer.properties["Scheme"] == "internet-facing" else "app"
        assert tiers(balancer, balancer.properties["Subnets"]) == {tier}


def test_subnets_are_pinned_by_zone_id_and_never_by_an_account_s_letter(system):
    subnets = list(system.of_type("AWS::EC2::Subnet"))
    assert subnets
    for subnet in subnets:
        assert "-az" in subnet.properties["AvailabilityZoneId"]
        assert "AvailabilityZone" not in subnet.properties


def test_no_two_subnets_share_an_address(system):
    """Nor do those of two Regions, whose networks are linked."""
    ranges = [
        ipaddress.IPv4Network(subnet.properties["CidrBlock"])
        for subnet in system.of_type("AWS::EC2::Subnet")
    ]
    assert [pair for pair in combinations(ranges, 2) if pair[0].overlaps(pair[1])] == []


def test_every_subnet_lies_in_its_region_s_network(system):
    for region in system.environment.regions:
        network = ipaddress.IPv4Network(region.cidr)
        for subnet in system.of_type("AWS::EC2::Subnet", region.name):
            assert ipaddress.IPv4Network(subnet.properties["CidrBlock"]).subnet_of(network)


def test_no_subnet_hands_out_public_addresses(system):
    for subnet in system.of_type("AWS::EC2::Subnet"):
        assert subnet.properties["MapPublicIpOnLaunch"] is False

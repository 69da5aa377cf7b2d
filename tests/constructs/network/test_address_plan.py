"""Which addresses belong to which tier and zone."""

from __future__ import annotations

import ipaddress
from itertools import combinations, product

import pytest

from mainstay.network.address_plan import TIERS, AddressPlan

PLAN = AddressPlan("10.0.0.0/16")
ZONES = [f"use1-az{number}" for number in range(1, 9)]


def test_a_zone_s_addresses_follow_from_its_number_alone():
    """So that a zone added or removed moves no other subnet, nor one of another Region."""
    assert PLAN.subnet("app", "use1-az4") == "10.0.76.0/22"
    assert PLAN.subnet("app", "usw2-az4") == "10.0.76.0/22"


def test_no_two_subnets_overlap():
    ranges = [
        ipaddress.IPv4Network(PLAN.subnet(tier, zone)) for tier, zone in product(TIERS, ZONES)
    ]
    assert not any(one.overlaps(other) for one, other in combinations(ranges, 2))


@pytest.mark.parametrize("tier", TIERS)
def test_a_tier_s_range_holds_its_subnets_and_no_other_s(tier):
    own = ipaddress.IPv4Network(PLAN.tier(tier))
    for other, zone in product(TIERS, ZONES):
        subnet = ipaddress.IPv4Network(PLAN.subnet(other, zone))
        assert subnet.subnet_of(own) is (other == tier)


@pytest.mark.parametrize(("tier", "prefix"), [("edge", 22), ("app", 22), ("public", 24)])
def test_a_zone_has_room_for_the_tier_s_tasks(tier, prefix):
    assert ipaddress.IPv4Network(PLAN.subnet(tier, "use1-az1")).prefixlen == prefix


@pytest.mark.parametrize("cidr", ["10.0.0.0/20", "10.0.0.0/8"])
def test_refuses_a_network_of_another_size(cidr):
    with pytest.raises(ValueError, match=f"'cidr' should be a /16, got '{cidr}'"):
        AddressPlan(cidr)


@pytest.mark.parametrize("zone", ["use1-az0", "use1-az9", "us-east-1a", ""])
def test_refuses_a_zone_that_has_no_number(zone):
    with pytest.raises(ValueError, match=f"'zone_id' should end in -az1 to -az8, got '{zone}'"):
        PLAN.subnet("app", zone)

"""The flows between the Regions and what each side makes of them."""

from __future__ import annotations

import pytest

from mainstay.network.address_plan import AddressPlan
from mainstay.network.peering import FLOWS, PeeringSide


@pytest.fixture
def side(stack, network_of):
    def side(name):
        network = network_of()
        return PeeringSide(
            stack,
            "Side",
            side=name,
            connection_id="pcx-1",
            route_table_ids={tier: network.route_table_ids(tier) for tier in ("app", "data")},
            security_groups=network.security_groups,
            peer_addresses=AddressPlan("10.1.0.0/16"),
        )

    return side


def rules(made, kind: str) -> list[tuple[str, int]]:
    found = made(f"AWS::EC2::SecurityGroup{kind}").values()
    return sorted((rule["CidrIp"], rule["ToPort"]) for rule in found if "CidrIp" in rule)


def test_the_side_that_opens_a_flow_lets_it_out(side, made):
    side("standby")
    opened = [flow for flow in FLOWS if flow.side == "standby"]
    assert rules(made, "Egress") == [("10.1.96.0/21", 5432)] * len(opened)


def test_the_other_side_lets_it_in_from_the_tier_that_opens_it(side, made):
    side("primary")
    app, worker, follower = *[("10.1.64.0/19", 5432)] * 2, ("10.1.96.0/21", 5432)
    assert rules(made, "Ingress") == [app, worker, follower]


@pytest.mark.parametrize("name", ["primary", "standby"])
def test_every_rule_says_why(side, made, name):
    side(name)
    reasons = {flow.why for flow in FLOWS}
    for kind in ("Ingress", "Egress"):
        for rule in made(f"AWS::EC2::SecurityGroup{kind}").values():
            if "CidrIp" in rule:
                assert rule["Description"] in reasons


def test_no_route_leads_to_the_whole_of_the_peer(side, made):
    side("primary")
    routes = [item for item in made("AWS::EC2::Route").values() if "VpcPeeringConnectionId" in item]
    assert routes
    assert {route["DestinationCidrBlock"] for route in routes} == {"10.1.64.0/19", "10.1.96.0/21"}

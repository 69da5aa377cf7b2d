"""Joins the Regions: the DNS zone, the link of their networks, and the switches of DNS."""

from __future__ import annotations

import aws_cdk as cdk

from config.aws_facts import DNS_REGION
from config.model import Environment
from mainstay.dns.global_zone import GlobalZone
from mainstay.dns.region_exit import RegionExit
from mainstay.network.network import Network
from mainstay.network.peering import PeeringRequest, PeeringSide, Side
from stacks.composition.names import named
from stacks.composition.region_context import RegionContext, removal_policy
from stacks.environment_stack import EnvironmentStack


def compose_zone(app: cdk.App, environment: Environment) -> GlobalZone:
    """Return the zone, which is deployed first: certificates wait for its delegation."""
    stack = EnvironmentStack(
        app,
        "Dns",
        name=named(environment, "dns"),
        account=environment.account,
        region=DNS_REGION,
        description="the DNS zone of the environment",
        protected=environment.keep_data,  # its name servers are delegated to
    )
    return GlobalZone(
        stack,
        "Global",
        domain=environment.domain,
        hosted_zone_id=environment.hosted_zone_id,
        dnssec=environment.dnssec,
        removal_policy=removal_policy(environment),
    )


def compose_link(primary: RegionContext, standby: RegionContext) -> list[cdk.Stack]:
    """Link the networks, as the standby requests. Returns the stacks of both sides."""
    requesting = standby.stack("Peering", "the link to the primary Region", stateful=False)
    completing = primary.stack("Peering", "the link to the standby Region", stateful=False)
    request = PeeringRequest(
        requesting,
        "Request",
        vpc=standby.network.vpc,
        peer_vpc=primary.network.vpc,
        peer_region=primary.name,
    )
    connection_id = request.connection.ref
    _side(requesting, "standby", connection_id, standby.network, peer=primary.network)
    _side(completing, "primary", connection_id, primary.network, peer=standby.network)
    return [requesting, completing]


def _side(
    stack: cdk.Stack, side: Side, connection_id: str, network: Network, *, peer: Network
) -> None:
    PeeringSide(
        stack,
        side.capitalize(),
        side=side,
        connection_id=connection_id,
        route_table_ids={tier: network.route_table_ids(tier) for tier in ("app", "data")},
        security_groups=network.security_groups,
        peer_addresses=peer.addresses,
    )


def compose_exits(primary: RegionContext, standby: RegionContext) -> dict[str, cdk.Stack]:
    """Return the stacks of the switches, by the name of the Region that each takes out of DNS.

    A switch stands in the other Region, where a failure of the leaving one cannot reach it.
    """
    exits = {}
    for leaving, staying in ((standby, primary), (primary, standby)):
        exits[leaving.name] = stack = staying.stack(
            "Exit", f"the switch that takes {leaving.name} out of DNS", stateful=False
        )
        RegionExit(
            stack,
            "Exit",
            environment_name=staying.environment.name,
            leaving_region=leaving.name,
        )
    return exits

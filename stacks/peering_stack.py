"""The link between the Regions: requested by the standby, completed by the primary."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from mainstay.network.network import Network
from mainstay.network.peering import PeeringRequest, PeeringSide


class PeeringRequestStack(cdk.Stack):
    """The standby's side, and the connection itself."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_name: str,
        env: cdk.Environment,
        network: Network,
        peer: Network,
        peer_region: str,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name,
            env=env,
            description="mainstay: the link to the primary Region",
        )
        request = PeeringRequest(
            self, "Request", vpc=network.vpc, peer_vpc=peer.vpc, peer_region=peer_region
        )
        self.connection_id = request.connection.ref
        PeeringSide(
            self,
            "Standby",
            side="standby",
            connection_id=self.connection_id,
            route_table_ids={tier: network.route_table_ids(tier) for tier in ("app", "data")},
            security_groups=network.security_groups,
            peer_addresses=peer.addresses,
        )


class PeeringStack(cdk.Stack):
    """The primary's side of a connection that the standby requested."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_name: str,
        env: cdk.Environment,
        network: Network,
        peer: Network,
        connection_id: str,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name,
            env=env,
            description="mainstay: the link to the standby Region",
        )
        PeeringSide(
            self,
            "Primary",
            side="primary",
            connection_id=connection_id,
            route_table_ids={tier: network.route_table_ids(tier) for tier in ("app", "data")},
            security_groups=network.security_groups,
            peer_addresses=peer.addresses,
        )

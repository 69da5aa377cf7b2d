"""The private link between the two Regions, open for exactly the flows that need it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from mainstay.network.address_plan import AddressPlan, Tier
from mainstay.network.tier_security_groups import DATABASE_PORT, TierSecurityGroups
from mainstay.references import cross_region

Side = Literal["primary", "standby"]
Group = Literal["app", "data", "entity", "operations", "transaction", "worker"]


@dataclass(frozen=True, kw_only=True)
class Flow:
    """One permitted conversation between the Regions: who opens it, to whom, and why."""

    side: Side  # where it is opened; the other side is its target
    source: Tier
    target: Tier
    source_group: Group
    target_group: Group
    port: int
    why: str


FLOWS = (
    Flow(
        side="standby",
        source="data",
        target="data",
        source_group="data",
        target_group="data",
        port=DATABASE_PORT,
        why="The logical follower subscribes to the entity master",
    ),
    Flow(
        side="standby",
        source="app",
        target="data",
        source_group="worker",
        target_group="transaction",
        port=DATABASE_PORT,
        why="The worker drains its audit queue into the transaction writer",
    ),
    Flow(
        side="primary",
        source="app",
        target="data",
        source_group="operations",
        target_group="data",
        port=DATABASE_PORT,
        why="Operations tasks pause, migrate and recover the delayed replica",
    ),
    Flow(
        side="standby",
        source="app",
        target="data",
        source_group="app",
        target_group="entity",
        port=DATABASE_PORT,
        why="What an administrator writes reaches the one entity master",
    ),
)


class PeeringRequest(Construct):
    """The connection itself, made on one side; CloudFormation accepts it in the same account."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc,
        peer_vpc: ec2.IVpc,
        peer_region: str,
    ) -> None:
        super().__init__(scope, construct_id)
        # No L2 exists for peering.
        self.connection = ec2.CfnVPCPeeringConnection(
            self,
            "Connection",
            vpc_id=vpc.vpc_id,
            peer_vpc_id=cross_region(peer_vpc.vpc_id),
            peer_region=peer_region,
        )
        # The other side, in another Region, refers to the connection.
        cdk.CrossStackReferences.of(self.connection).produce(cdk.ReferenceStrength.WEAK)


class PeeringSide(Construct):
    """The routes and rules of one side, derived from the table of flows.

    A route leads from a tier's own tables to one tier of the peer, never to its whole network;
    a rule admits one port from one tier's range.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        side: Side,
        connection_id: str,
        route_table_ids: dict[Tier, dict[str, str]],
        security_groups: TierSecurityGroups,
        peer_addresses: AddressPlan,
    ) -> None:
        super().__init__(scope, construct_id)
        pairs: set[tuple[Tier, Tier]] = {
            (flow.source, flow.target) if flow.side == side else (flow.target, flow.source)
            for flow in FLOWS
        }
        for own, peer in sorted(pairs):
            route = Construct(self, f"{own.capitalize()}To{peer.capitalize()}")
            for zone_id, route_table_id in route_table_ids[own].items():
                ec2.CfnRoute(
                    route,
                    zone_id,
                    route_table_id=route_table_id,
                    destination_cidr_block=peer_addresses.tier(peer),
                    vpc_peering_connection_id=connection_id,
                )
        groups: dict[Group, ec2.ISecurityGroup] = {
            "app": security_groups.app,
            "data": security_groups.data,
            "entity": security_groups.entity,
            "operations": security_groups.operations,
            "transaction": security_groups.transaction,
            "worker": security_groups.worker,
        }
        for index, flow in enumerate(FLOWS, start=1):
            opens = flow.side == side
            own, peer = (
                (flow.source_group, flow.target) if opens else (flow.target_group, flow.source)
            )
            rule = ec2.CfnSecurityGroupEgress if opens else ec2.CfnSecurityGroupIngress
            rule(
                self,
                f"Flow{index}",
                group_id=groups[own].security_group_id,
                ip_protocol="tcp",
                from_port=flow.port,
                to_port=flow.port,
                cidr_ip=peer_addresses.tier(peer),
                description=flow.why,
            )

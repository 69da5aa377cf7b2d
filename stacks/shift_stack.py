"""A migration from a legacy edge, in one Region, while it lasts."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from mainstay.edge.public_load_balancer import LOG_PREFIX
from mainstay.edge.traffic_shift import LegacyEdge, TrafficShift
from mainstay.logs.region_logs import RegionLogs
from mainstay.network.network import Network
from mainstay.read_only.control_table import ControlTable
from stacks.edge_stack import EdgeStack


class ShiftStack(cdk.Stack):
    """Made when a migration begins and destroyed when it is done; no other stack needs it.

    While it stands, its rule decides who serves; once it is gone, the edge serves everything. So
    it is protected, and destroyed by a person who has read that the shift is done.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_name: str,
        env: cdk.Environment,
        legacy: LegacyEdge,
        network: Network,
        logs: RegionLogs,
        edge: EdgeStack,
        control: ControlTable,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name,
            env=env,
            description="mainstay: the shift of traffic from a legacy edge",
            termination_protection=True,
        )
        self.shift = TrafficShift(
            self,
            "Shift",
            legacy=legacy,
            listener=edge.listener,
            load_balancer=edge.load_balancer,
            balancer_group=network.security_groups.public,
            edge_targets=edge.proxy.tasks.target_group,
            alarm=edge.proxy.tasks.failing.alarm,
            access_logs=logs.access,
            log_prefix=LOG_PREFIX,
            control=control,
            log_group=logs.edge,
        )

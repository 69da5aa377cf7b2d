"""The network of a Region."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from constructs import Construct

from mainstay.network.egress import Egress
from mainstay.network.network import Network


class NetworkStack(cdk.Stack):
    """The VPC; nothing above survives its loss, so it is protected like the stateful stacks."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_name: str,
        env: cdk.Environment,
        cidr: str,
        zone_ids: tuple[str, ...],
        data_zone_ids: tuple[str, ...],
        egress: Egress,
        flow_log_group: logs.ILogGroup,
        keep_data: bool,
    ) -> None:
        self._zone_ids = [*zone_ids, *data_zone_ids]
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name,
            env=env,
            description="mainstay: the network of a Region",
            termination_protection=keep_data,
        )
        self.network = Network(
            self,
            "Network",
            cidr=cidr,
            zone_ids=zone_ids,
            data_zone_ids=data_zone_ids,
            egress=egress,
            flow_log_group=flow_log_group,
        )

    @property
    def availability_zones(self) -> list[str]:
        """The zones of the environment file; CDK would ask an AWS account for them."""
        return self._zone_ids

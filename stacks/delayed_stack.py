"""The time-delayed replica and the follower that feeds it, in the standby Region."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from constructs import Construct

from mainstay.database.delayed_replica import DelayedReplica, NodeSize
from mainstay.network.network import Network


class DelayedStack(cdk.Stack):
    """Stateful: the volumes are what a mistake is undone from."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_name: str,
        env: cdk.Environment,
        network: Network,
        client_ranges: tuple[str, ...],
        secrets_name: str,
        follower_zone: str,
        delayed_zone: str,
        delay: cdk.Duration,
        size: NodeSize,
        image_parameter: str,
        key: kms.IKey,
        keep_data: bool,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name,
            env=env,
            description="mainstay: the time-delayed replica",
            termination_protection=keep_data,
        )
        self.replica = DelayedReplica(
            self,
            "Replica",
            network=network,
            client_ranges=client_ranges,
            secrets_name=secrets_name,
            follower_zone=follower_zone,
            delayed_zone=delayed_zone,
            delay=delay,
            size=size,
            image_parameter=image_parameter,
            key=key,
            removal_policy=cdk.RemovalPolicy.RETAIN if keep_data else cdk.RemovalPolicy.DESTROY,
        )

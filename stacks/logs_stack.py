"""The logs of a Region: stateful, and below everything that writes them."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from mainstay.logs.region_logs import RegionLogs


class LogsStack(cdk.Stack):
    """Buckets and groups that outlive the stacks above."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_name: str,
        env: cdk.Environment,
        environment_name: str,
        clusters: dict[str, str],
        retention_days: int,
        keep_data: bool,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name,
            env=env,
            description="mainstay: the logs of a Region",
            termination_protection=keep_data,
        )
        self.logs = RegionLogs(
            self,
            "Logs",
            environment_name=environment_name,
            clusters=clusters,
            retention_days=retention_days,
            removal_policy=cdk.RemovalPolicy.RETAIN if keep_data else cdk.RemovalPolicy.DESTROY,
        )

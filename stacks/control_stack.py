"""The control table of a Region: stateful, and below everything that obeys it."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from mainstay.read_only.control_table import ControlTable


class ControlStack(cdk.Stack):
    """The Region's mode, lock and journal; no other stack is needed to read them."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_name: str,
        env: cdk.Environment,
        keep_data: bool,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name,
            env=env,
            description="mainstay: the mode of a Region, and the lock of its upgrades",
            termination_protection=keep_data,
        )
        self.control = ControlTable(
            self,
            "Control",
            removal_policy=cdk.RemovalPolicy.RETAIN if keep_data else cdk.RemovalPolicy.DESTROY,
        )

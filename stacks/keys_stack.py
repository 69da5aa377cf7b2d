"""The keys of a Region's stores: stateful, and below everything that they encrypt."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from mainstay.database.store_keys import StoreKeys


class KeysStack(cdk.Stack):
    """Without a key, what it encrypted is lost: nothing here is ever deleted by a deploy."""

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
            description="mainstay: the keys of a Region's stores",
            termination_protection=keep_data,
        )
        self.keys = StoreKeys(
            self,
            "Keys",
            removal_policy=cdk.RemovalPolicy.RETAIN if keep_data else cdk.RemovalPolicy.DESTROY,
        )

"""The session store: deployed in the primary Region, present in both."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from constructs import Construct

from mainstay.database.session_store import SessionStore


class SessionStack(cdk.Stack):
    """Stateful. The replicas belong to the table, and DynamoDB makes them in their Regions."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_name: str,
        env: cdk.Environment,
        table_name: str,
        key: kms.IKey,
        replica_key_arns: dict[str, str],
        max_read_units: int,
        max_write_units: int,
        keep_data: bool,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name,
            env=env,
            description="mainstay: the session store",
            termination_protection=keep_data,
        )
        self.store = SessionStore(
            self,
            "Sessions",
            table_name=table_name,
            key=key,
            replica_key_arns=replica_key_arns,
            max_read_units=max_read_units,
            max_write_units=max_write_units,
            removal_policy=cdk.RemovalPolicy.RETAIN if keep_data else cdk.RemovalPolicy.DESTROY,
        )

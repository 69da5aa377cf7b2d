"""The passwords of replication: stateful, and below everything that follows."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from constructs import Construct

from mainstay.database.replication_secrets import ReplicationSecrets


class SecretsStack(cdk.Stack):
    """In the primary Region, with copies in the standby."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_name: str,
        env: cdk.Environment,
        name: str,
        key: kms.IKey,
        copies: dict[str, str],
        keep_data: bool,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name,
            env=env,
            description="mainstay: the passwords of replication",
            termination_protection=keep_data,
        )
        self.secrets = ReplicationSecrets(
            self,
            "Secrets",
            name=name,
            key=key,
            copies=copies,
            removal_policy=cdk.RemovalPolicy.RETAIN if keep_data else cdk.RemovalPolicy.DESTROY,
        )

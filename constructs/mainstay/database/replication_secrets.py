"""Passwords of operations that belong to no one cluster, made where the masters are."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from mainstay.database.user_secret import CANARY_USER, MASTER_USER, REPLICATION_USER, user_secret


class ReplicationSecrets(Construct):
    """One for every subscription and standby, one for the administrator of the replica nodes.

    Both go along to the Regions of `copies` (Region -> ARN of the key there), for the replica
    nodes stand there and the operations on them begin here; so does the canary's, which operations
    of either Region log in with. `name` is what theirs begin with.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        key: kms.IKey,
        copies: dict[str, str],
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)

        def secret(construct_id: str, secret_name: str, user: str) -> secretsmanager.Secret:
            return user_secret(
                self,
                construct_id,
                name=secret_name,
                user=user,
                key=key,
                copies=copies,
                removal_policy=removal_policy,
            )

        self.replication = secret("Replication", replication_name(name), REPLICATION_USER)
        self.nodes = secret("Nodes", nodes_name(name), MASTER_USER)
        self.canary = secret("Canary", canary_name(name), CANARY_USER)


def canary_name(name: str) -> str:
    return f"{name}/canary"


def replication_name(name: str) -> str:
    return f"{name}/replication"


def nodes_name(name: str) -> str:
    return f"{name}/nodes"

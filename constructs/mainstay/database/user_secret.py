"""Passwords of the few users that have one; nothing that serves ever reads them."""

from __future__ import annotations

import json

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from mainstay.acknowledge import acknowledge

MASTER_USER = "mainstay"  # of the bootstrap and of operations
REPLICATION_USER = "replicator"  # of every subscription, and of the delayed replica
CANARY_USER = "canary"  # of the service, as which upgrades log in


def master_secret_name(identifier: str) -> str:
    """Return the name of the secret of a cluster's, or a warehouse's, master user."""
    return f"{identifier}/master"


def user_secret(
    scope: Construct,
    construct_id: str,
    *,
    name: str,
    user: str,
    key: kms.IKey,
    copies: dict[str, str],
    removal_policy: cdk.RemovalPolicy,
) -> secretsmanager.Secret:
    """Made once, and copied to other Regions (Region -> ARN of the key there) under its `name`.

    Amazon RDS's own management of a master's password is refused in a global database (Amazon
    Aurora User Guide, "Limitations for Secrets Manager integration"), and CDK's hosted rotation
    deploys somebody else's serverless application.
    """
    secret = secretsmanager.Secret(
        scope,
        construct_id,
        description=f"The user {user}: {name}",
        generate_secret_string=secretsmanager.SecretStringGenerator(
            secret_string_template=json.dumps({"username": user}),
            generate_string_key="password",
            password_length=40,
            exclude_punctuation=True,  # no engine's forbidden characters, nothing to quote
        ),
        secret_name=name,  # physical: the copy in another Region is found by it
        encryption_key=key,
        replica_regions=[
            secretsmanager.ReplicaRegion(
                region=region,
                encryption_key=kms.Key.from_key_arn(scope, f"{construct_id}KeyIn{region}", key_arn),
            )
            for region, key_arn in copies.items()
        ],
        removal_policy=removal_policy,
    )
    acknowledge(
        secret,
        dict.fromkeys(
            ("AwsSolutions-SMG4", "NIST.800.53.R5-SecretsManagerRotationEnabled"),
            "Only operations and replication use this user, and everything that serves has an IAM "
            "token of fifteen minutes instead; the password is changed by an operation that also "
            "checks what depends on it, for a rotation at its own hour could meet an upgrade.",
        ),
    )
    return secret

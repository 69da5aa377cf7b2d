"""The password of a store's master user, which no server that serves ever reads."""

from __future__ import annotations

import json

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from mainstay.acknowledge import acknowledge

MASTER_USER = "mainstay"  # of the bootstrap and of operations


def master_secret(
    scope: Construct,
    construct_id: str,
    *,
    store: str,
    key: kms.IKey,
    copies: dict[str, str],
    removal_policy: cdk.RemovalPolicy,
) -> secretsmanager.Secret:
    """Generated once, and copied to other Regions (Region -> ARN of the key there).

    Amazon RDS's own management of the password is refused in a global database (Amazon Aurora
    User Guide, "Limitations for Secrets Manager integration"), and CDK's hosted rotation deploys
    somebody else's serverless application.
    """
    secret = secretsmanager.Secret(
        scope,
        construct_id,
        description=f"The master user of {store}",
        generate_secret_string=secretsmanager.SecretStringGenerator(
            secret_string_template=json.dumps({"username": MASTER_USER}),
            generate_string_key="password",
            password_length=40,
            exclude_punctuation=True,  # no engine's forbidden characters, nothing to quote
        ),
        secret_name=f"{store}/master",  # physical: the copy in another Region is found by it
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
            "Only operations use the master user, and everything that serves has an IAM token of "
            "fifteen minutes instead; the password is changed by an operation that also checks "
            "what depends on it, for a rotation at its own hour could meet an upgrade.",
        ),
    )
    return secret

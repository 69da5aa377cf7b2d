"""The topic by which people on call are told; each stack that tells something has its own."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct


def operators_topic(scope: Construct, *, display_name: str, description: str) -> sns.Topic:
    """A topic without subscribers, and an output `OperatorsTopic` with its ARN, described so."""
    topic = sns.Topic(
        scope,
        "Operators",
        display_name=display_name,
        enforce_ssl=True,
        # AWS's own key for Amazon SNS: a message says where to look and holds no secret.
        master_key=kms.Alias.from_alias_name(scope, "SnsKey", "alias/aws/sns"),
    )
    cdk.CfnOutput(scope, "OperatorsTopic", description=description, value=topic.topic_arn)
    return topic

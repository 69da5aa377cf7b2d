"""The topic that people on call subscribe to; each part that publishes something has its own."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct


def operators_topic(
    scope: Construct, *, display_name: str, description: str, key: kms.IKey | None = None
) -> sns.Topic:
    """Return a topic without subscribers; the output `OperatorsTopic`, described so, is its ARN.

    Without `key` it is sealed by AWS's own for Amazon SNS, which neither an alarm nor a rule of
    EventBridge can use: what publishes there is a role of ours.
    """
    topic = sns.Topic(
        scope,
        "Operators",
        display_name=display_name,
        enforce_ssl=True,
        # A message says where to look and holds no secret.
        master_key=key or kms.Alias.from_alias_name(scope, "SnsKey", "alias/aws/sns"),
    )
    cdk.CfnOutput(scope, "OperatorsTopic", description=description, value=topic.topic_arn)
    return topic

"""The topic by which operators learn that a backup failed or grew too old."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from mainstay.interfaces import as_key, principal
from mainstay.operators_topic import operators_topic

_PUBLISHERS = ("cloudwatch.amazonaws.com", "events.amazonaws.com")


class BackupTopic(Construct):
    """Takes messages of alarms and of rules, which AWS's own key for Amazon SNS would refuse.

    The key is this topic's alone: whoever may use it reads no backup.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, removal_policy: cdk.RemovalPolicy
    ) -> None:
        super().__init__(scope, construct_id)
        key = kms.Key(
            self,
            "Key",
            description="Encrypts messages about backups to operators",
            enable_key_rotation=True,
            removal_policy=removal_policy,
        )
        self.topic = operators_topic(
            self,
            display_name="mainstay: backups",
            description="Subscribe whoever is on call: backups that failed or are too old",
            key=as_key(key),
        )
        account = cdk.Stack.of(self).account
        for service in _PUBLISHERS:
            # No condition on the account: with a key of its own EventBridge sends none to AWS KMS
            # (Amazon SNS Developer Guide, "Key management"); the topic's policy has it.
            key.add_to_resource_policy(
                iam.PolicyStatement(
                    actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                    principals=[principal(service)],
                    resources=["*"],
                )
            )
            self.topic.add_to_resource_policy(
                iam.PolicyStatement(
                    actions=["sns:Publish"],
                    principals=[principal(service)],
                    resources=[self.topic.topic_arn],
                    conditions={"StringEquals": {"aws:SourceAccount": account}},
                )
            )

"""The topic by which alarms, and rules of EventBridge, notify operators."""

from __future__ import annotations

from typing import cast

import aws_cdk as cdk
import jsii
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk.interfaces.aws_events import IRuleRef
from constructs import Construct

from mainstay.interfaces import as_alarm_action, as_key, principal
from mainstay.operators_topic import operators_topic

_PUBLISHERS = ("cloudwatch.amazonaws.com", "events.amazonaws.com")


class AlarmTopic(Construct):
    """Takes messages of alarms and of rules, which AWS's own key for Amazon SNS would refuse.

    The key is this topic's alone: whoever may use it reads nothing else.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        display_name: str,
        description: str,
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        key = kms.Key(
            self,
            "Key",
            description="Encrypts messages to operators",
            enable_key_rotation=True,
            removal_policy=removal_policy,
        )
        self.topic = operators_topic(
            self, display_name=display_name, description=description, key=as_key(key)
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

    def notify(self, *alarms: cloudwatch.Alarm) -> None:
        """Publish it when one of these goes off, and when it is over."""
        action = as_alarm_action(actions.SnsAction(cast("sns.ITopic", self.topic)))
        for alarm in alarms:
            alarm.add_alarm_action(action)
            alarm.add_ok_action(action)

    @property
    def rule_target(self) -> events.IRuleTarget:
        """Return the topic as what a rule of EventBridge publishes whole events to."""
        return TopicTarget(self.topic.topic_arn)


@jsii.implements(events.IRuleTarget)
class TopicTarget:
    """A topic that a rule publishes to, by its ARN alone.

    The policies above let EventBridge publish; the L2 would let any rule, and ask for its Region.
    """

    def __init__(self, arn: str) -> None:
        self._arn = arn

    def bind(self, rule: IRuleRef, id: str | None = None) -> events.RuleTargetConfig:  # noqa: A002 (as CDK names it)
        """Return the target, as CDK asks for it."""
        return events.RuleTargetConfig(arn=self._arn)

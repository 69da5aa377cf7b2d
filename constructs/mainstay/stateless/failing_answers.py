"""The alarm by which a bad deployment of a tier is known, and taken back."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from constructs import Construct

from mainstay.acknowledge import acknowledge

# Requests a minute below which a failing share says little: one of ten is not 10 %.
_REQUESTS_TO_JUDGE_BY = 100
_FAILING_PERCENT = 1


class FailingAnswers(Construct):
    """More than 1 % of a target group's answers are errors of its own, two minutes in a row."""

    def __init__(
        self, scope: Construct, construct_id: str, *, target_group: elbv2.ApplicationTargetGroup
    ) -> None:
        super().__init__(scope, construct_id)
        metrics = target_group.metrics
        minute = cdk.Duration.minutes(1)
        share = cloudwatch.MathExpression(
            expression=f"IF(requests >= {_REQUESTS_TO_JUDGE_BY}, 100 * failed / requests, 0)",
            using_metrics={
                "requests": metrics.request_count(period=minute),
                "failed": metrics.http_code_target(
                    elbv2.HttpCodeTarget.TARGET_5XX_COUNT, period=minute
                ),
            },
            period=minute,
            label="Failed answers, percent",
        )
        self.alarm = cloudwatch.Alarm(
            self,
            "Alarm",
            alarm_description=f"More than {_FAILING_PERCENT} % of this tier's answers are errors "
            "of its own; a deployment in progress rolls back: docs/runbooks/failing-answers.md",
            metric=share,
            threshold=_FAILING_PERCENT,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=2,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        acknowledge(
            self.alarm,
            {
                "NIST.800.53.R5-CloudWatchAlarmAction": "Amazon ECS reads this alarm to roll a "
                "deployment back, which is its one action; people are told by the monitors, which "
                "watch the same metric with thresholds of their own.",
            },
        )

"""The alarm that servers do not do what the control table says."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from constructs import Construct

from mainstay.alarm_topic import AlarmTopic
from mainstay.environment_names import metric_namespace

METRIC = "TasksDisagree"
# As a task of the app tier logs it once a minute while it lasts (docs/service-contract.md).
WORDS = {"event": "mode", "what": "does not do what the control table says"}
# A failover takes a minute, and READ_ONLY is entered for one within two.
_LASTS_MINUTES = 5


class ModeAlarm(Construct):
    """In alarm while tasks refuse writes though the table says READ_WRITE, or the other way round.

    A forgotten fence is that, or a table that cannot be read: every command says READ_WRITE then.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment_name: str,
        app_logs: logs.ILogGroup,
        topic: AlarmTopic,
    ) -> None:
        super().__init__(scope, construct_id)
        pattern = " && ".join(f'($.{name} = "{word}")' for name, word in WORDS.items())
        counted = logs.MetricFilter(
            self,
            "Disagreeing",
            log_group=app_logs,
            filter_pattern=logs.FilterPattern.literal(f"{{ {pattern} }}"),
            metric_namespace=metric_namespace(environment_name, "ReadOnly"),
            metric_name=METRIC,
            metric_value="1",
        )
        self.alarm = cloudwatch.Alarm(
            self,
            "TasksDisagree",
            alarm_description="Tasks do not do what the control table says for "
            f"{_LASTS_MINUTES} minutes: docs/runbooks/edge-mode.md",
            metric=counted.metric(statistic=cloudwatch.Stats.SUM, period=cdk.Duration.minutes(1)),
            threshold=1,
            evaluation_periods=_LASTS_MINUTES,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        topic.notify(self.alarm)

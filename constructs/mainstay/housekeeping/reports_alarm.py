"""The alarm that reports are not kept open."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from mainstay.alarm_topic import AlarmTopic
from mainstay.database.report_readers import READERS_KEPT_EVERY
from mainstay.functions.job_function import JobFunction
from mainstay.housekeeping.runbook import RUNBOOK

_TIMES = 3  # in a row: a warehouse that is busy, or is being patched, is asked again


class ReportsAlarm(Construct):
    """In alarm when no run ends well: a table that the integration dropped, a role with no user."""

    def __init__(
        self, scope: Construct, construct_id: str, *, readers: JobFunction, topic: AlarmTopic
    ) -> None:
        super().__init__(scope, construct_id)
        metrics = {
            "runs": readers.function.metric_invocations(period=READERS_KEPT_EVERY),
            "errors": readers.function.metric_errors(period=READERS_KEPT_EVERY),
        }
        topic.notify(
            cloudwatch.Alarm(
                self,
                "NotKept",
                alarm_description=f"Reports are not kept open: {RUNBOOK}",
                metric=cloudwatch.MathExpression(
                    expression="runs - errors",
                    label="Runs that ended well",
                    using_metrics=metrics,
                    period=READERS_KEPT_EVERY,
                ),
                threshold=1,
                evaluation_periods=_TIMES,
                comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
                treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
            )
        )

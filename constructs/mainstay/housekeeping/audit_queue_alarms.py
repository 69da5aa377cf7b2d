"""Alarms on the audit events that wait for the transaction store."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from mainstay.alarm_topic import AlarmTopic
from mainstay.database.audit_queue import AuditQueue
from mainstay.housekeeping.runbook import RUNBOOK

_PERIOD = cdk.Duration.minutes(5)
# A failover of the transaction store takes two minutes at most; what waits longer waits for
# somebody, and the queue keeps it for 14 days.
_OLDEST = cdk.Duration.minutes(15)


class AuditQueueAlarms(Construct):
    """In alarm while the oldest event waits too long, and while there is any dead letter."""

    def __init__(
        self, scope: Construct, construct_id: str, *, queue: AuditQueue, topic: AlarmTopic
    ) -> None:
        super().__init__(scope, construct_id)

        def alarm(
            construct_id: str, queue: sqs.Queue, metric: str, threshold: float, what: str
        ) -> cloudwatch.Alarm:
            return cloudwatch.Alarm(
                self,
                construct_id,
                alarm_description=f"{what}: {RUNBOOK}",
                metric=queue.metric(metric, statistic="Maximum", period=_PERIOD),
                threshold=threshold,
                evaluation_periods=1,
                comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
                # Amazon SQS measures no queue that nobody used for six hours.
                treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            )

        topic.notify(
            alarm(
                "Oldest",
                queue.queue,
                "ApproximateAgeOfOldestMessage",
                _OLDEST.to_seconds(),
                f"An audit event waits for more than {_OLDEST.to_human_string()}",
            ),
            alarm(
                "DeadLetters",
                queue.dead_letters,
                "ApproximateNumberOfMessagesVisible",
                0,
                "An audit event could not be written, and is deleted 14 days after it was sent",
            ),
        )

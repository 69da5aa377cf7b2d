"""AWS Backup's jobs that did not end well, to operators."""

from __future__ import annotations

from aws_cdk import aws_events as events
from aws_cdk import aws_sns as sns
from constructs import Construct

from mainstay.alarm_topic import TopicTarget

# AWS Backup Developer Guide, "Monitoring AWS Backup events using Amazon EventBridge": a restore job
# has a `status` where backup and copy jobs have a `state`.
_KINDS = [f"{kind} Job State Change" for kind in ("Backup", "Copy", "Restore")]
_BAD = ["FAILED", "EXPIRED", "ABORTED", "PARTIAL"]


class FailedJobs(Construct):
    """Publishes each event of a backup, copy or restore job that failed, whole.

    Only the jobs that the plan's role does: an account may hold another environment's.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, role_arn: str, topic: sns.ITopic
    ) -> None:
        super().__init__(scope, construct_id)
        events.Rule(
            self,
            "Rule",
            description="A backup, copy or restore job of AWS Backup failed: "
            "docs/runbooks/backup-too-old.md",
            event_pattern=events.EventPattern(
                source=["aws.backup"],
                detail_type=_KINDS,
                detail={"iamRoleArn": [role_arn], "$or": [{"state": _BAD}, {"status": _BAD}]},
            ),
            targets=[TopicTarget(topic.topic_arn)],
        )

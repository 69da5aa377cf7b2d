"""The prune of the archive's copy in the other Region."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from mainstay.acknowledge import acknowledge
from mainstay.backup.backup_store import BackupStore, StoreArns
from mainstay.functions.job_function import JobFunction
from mainstay.interfaces import alarm_action

_DAY = cdk.Duration.days(1)


class CopyPrune(Construct):
    """Deletes from the copy what its original has swept, for S3 replicates no such deletion.

    A function and no task: it asks two Regions, and the network of one may have no way out. It
    stands beside the copy, where all but the listing of the original is done. It may delete in the
    copy and write nowhere.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        copy: BackupStore,
        original: StoreArns,
        original_region: str,
        log_group: logs.ILogGroup,
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        self.job = JobFunction(
            self,
            "Prune",
            handler="archive_job.handler.prune_copy",
            description="Deletes from the archive's copy what the archive has swept",
            log_group=log_group,
            environment={"ORIGINAL": original.archive_name, "ORIGINAL_REGION": original_region},
            memory_mib=1_024,
        )
        for variable, value in copy.grant_prune(self.job.role).items():
            self.job.function.add_environment(variable, value)
        self.job.role.add_to_policy(
            iam.PolicyStatement(
                actions=["s3:ListBucket", "s3:ListBucketVersions"],
                resources=[f"arn:aws:s3:::{original.archive_name}"],
            )
        )
        acknowledge(self.job.role, copy.acknowledged(copy.archive, "*"))
        self.job.every(
            scheduler.ScheduleExpression.rate(cdk.Duration.hours(6)),
            "Sweeps the archive's copy behind its original",
        )
        self._alarm(topic)

    def _alarm(self, topic: sns.ITopic) -> None:
        function = self.job.function
        done = cloudwatch.MathExpression(
            expression="started - failed",
            using_metrics={
                "started": function.metric_invocations(period=_DAY),
                "failed": function.metric_errors(period=_DAY),
            },
            period=_DAY,
            label="Sweeps that ended",
        )
        alarm = cloudwatch.Alarm(
            self,
            "Alarm",
            alarm_description="The archive's copy has not been swept for a day, and grows: "
            "docs/runbooks/backup-too-old.md",
            metric=done,
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
        )
        alarm.add_alarm_action(alarm_action(topic))

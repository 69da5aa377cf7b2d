"""The function that says how old the newest of everything in the buckets is."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from mainstay.acknowledge import acknowledge
from mainstay.backup.backup_store import BackupStore
from mainstay.backup.metrics import backup_namespace
from mainstay.functions.job_function import JobFunction


class BackupAges(Construct):
    """It reads what is there and believes no job: one that lies or stands still is seen."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment_name: str,
        store: BackupStore,
        log_group: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        namespace = backup_namespace(environment_name)
        self.job = JobFunction(
            self,
            "Look",
            handler="backup_ages.handler.handler",
            description="Publishes how old the newest archives, dumps, exports and proofs are",
            log_group=log_group,
            environment={"METRICS": namespace},
            timeout=cdk.Duration.minutes(5),
        )
        for variable, value in store.grant_read(self.job.role).items():
            self.job.function.add_environment(variable, value)
        self.job.role.add_to_policy(
            iam.PolicyStatement(
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],
                conditions={"StringEquals": {"cloudwatch:namespace": namespace}},
            )
        )
        acknowledge(
            self.job.role,
            {
                "AwsSolutions-IAM5[Resource::*]": "cloudwatch:PutMetricData knows no resources "
                "(Service Authorization Reference, Amazon CloudWatch); a condition limits it to "
                "the namespace of the backups' own metrics.",
                **store.acknowledged(store.archive, "*"),
                **store.acknowledged(store.dumps, "*"),
            },
        )
        self.job.every(
            scheduler.ScheduleExpression.rate(cdk.Duration.minutes(15)),
            "Publishes how old the newest of everything is",
        )

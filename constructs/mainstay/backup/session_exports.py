"""Sessions out of Amazon DynamoDB, once a day, in JSON."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from mainstay.acknowledge import acknowledge
from mainstay.backup.backup_store import BackupStore
from mainstay.functions.job_function import JobFunction

_PREFIX = "sessions"


class SessionExports(Construct):
    """A full export of the Region's own replica of the table, with no load on it: DynamoDB reads
    its own continuous backup. functions.session_export starts one a day and locks finished ones."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        store: BackupStore,
        table_name: str,
        table_key_arn: str,
        lock_days: int | None,
        log_group: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        # By name: the table is made in the primary Region, and this may be another.
        table = f"arn:aws:dynamodb:{stack.region}:{stack.account}:table/{table_name}"
        self.job = JobFunction(
            self,
            "Export",
            handler="session_export.handler.handler",
            description="Starts the export of a day, and locks what is finished",
            log_group=log_group,
            environment={
                "TABLE_ARN": table,
                "BUCKET": store.dumps.bucket_name,
                "LOCK_DAYS": "" if lock_days is None else str(lock_days),
            },
            timeout=cdk.Duration.minutes(15),
        )
        store.grant_export(self.job.role, _PREFIX)
        for actions, resource in (
            (["dynamodb:ExportTableToPointInTime"], table),
            (["dynamodb:ListExports"], "*"),
            (["dynamodb:DescribeExport"], f"{table}/export/*"),
            (["kms:Decrypt"], table_key_arn),
        ):
            self.job.role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[resource]))
        acknowledge(
            self.job.role,
            {
                "AwsSolutions-IAM5[Resource::*]": "dynamodb:ListExports knows no resources "
                "(Service Authorization Reference, Amazon DynamoDB); it lists exports alone.",
                f"AwsSolutions-IAM5[Resource::{table}/export/*]": "An export has an id that "
                "DynamoDB gives when it is started; those of the one table are described.",
                **store.acknowledged(store.dumps, f"{_PREFIX}/*"),
            },
        )
        self.job.every(
            scheduler.ScheduleExpression.rate(cdk.Duration.hours(6)),
            "Starts the export of a day, and locks what is finished",
        )

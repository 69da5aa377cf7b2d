"""Keeps reports open: the view of the audit log's months, and the users who may read it."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from mainstay.database.store_kind import DATABASE as SOURCE_DATABASE
from mainstay.database.warehouse import DATABASE, RedshiftWarehouse
from mainstay.functions.job_function import JobFunction
from mainstay.interfaces import as_role

READERS_KEPT_EVERY = cdk.Duration.hours(1)  # for so long a role that is new asks in vain
# Where nothing fills the warehouse each run wakes it up, and a minute of it is charged.
_KEPT_IN_STANDBY_EVERY = cdk.Duration.days(1)


class ReportReaders(Construct):
    """A function that makes what is missing, by the clock.

    Without `integration_arn`, in the standby Region, it takes the integration that a person makes
    after a failover; docs/runbooks/reports-after-a-failover.md does not wait for the clock.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        warehouse: RedshiftWarehouse,
        integration_arn: str | None,
        target_database: str,
        log_group: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        self.job = JobFunction(
            self,
            "Job",
            handler="reporting_database.keeping.handler",
            description="Keeps the view that reports ask, and who may",
            log_group=log_group,
            alarmed="an alarm says when none ends well.",
            environment={
                "WORKGROUP": warehouse.name,
                "ADMIN_SECRET": warehouse.secret.secret_arn,
                "DATABASE": DATABASE,
                "SOURCE_DATABASE": SOURCE_DATABASE,
                "TARGET_DATABASE": target_database,
                "READERS_PATH": warehouse.readers_path,
                **({"INTEGRATION": integration_arn} if integration_arn is not None else {}),
            },
        )
        self.job.role.add_to_policy(iam.PolicyStatement(actions=["iam:ListRoles"], resources=["*"]))
        warehouse.grant_administer(
            as_role(self.job.role),
            more=" iam:ListRoles, by which the readers' roles are found, knows none either.",
        )
        self.job.every(
            scheduler.ScheduleExpression.rate(
                _KEPT_IN_STANDBY_EVERY if integration_arn is None else READERS_KEPT_EVERY
            ),
            "Keeps the view that reports ask, and who may",
        )
        cdk.CfnOutput(
            self,
            "Function",
            description="For the runbook of a failover: opens reports as they are to be",
            value=self.job.function.function_name,
        )

"""Carries transactions into the warehouse within seconds, with no job of ours."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from constructs import Construct

from mainstay.database.store_kind import DATABASE as SOURCE_DATABASE
from mainstay.database.warehouse import DATABASE, RedshiftWarehouse
from mainstay.functions.function import ANSWERS_CLOUDFORMATION, Function
from mainstay.interfaces import as_role

# An integration is active within half an hour; the function asks for the database after that.
_TIMEOUT = cdk.Duration.minutes(10)


class ZeroEtl(Construct):
    """An integration from a cluster to a warehouse, and the database that it fills there.

    CloudFormation makes the integration; no resource makes its database, which is an SQL statement
    of the warehouse, hence a function. After a Region failover the source is another cluster: the
    integration is then deleted and made again, as the runbook says.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        source_arn: str,
        target_database: str,
        warehouse: RedshiftWarehouse,
        log_group: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        self.integration = rds.CfnIntegration(  # no L2 exists
            self,
            "Integration",
            integration_name=name,
            description="Transactions, as they are committed",
            source_arn=source_arn,
            target_arn=warehouse.namespace_arn,
            data_filter=f"include: {SOURCE_DATABASE}.*.*",
        )
        self.integration.node.add_dependency(warehouse.workgroup)  # whose settings it checks
        function = self._function(warehouse, log_group)
        database = cdk.CustomResource(
            self,
            "Database",
            service_token=function.function_arn,
            resource_type="Custom::ReportingDatabase",
            properties={
                "Workgroup": warehouse.name,
                "AdminSecret": warehouse.secret.secret_arn,
                "Database": DATABASE,
                "Integration": self.integration.attr_integration_arn,
                "SourceDatabase": SOURCE_DATABASE,
                "TargetDatabase": target_database,
            },
            service_timeout=_TIMEOUT,
        )
        database.node.add_dependency(function.own_role)

    def _function(self, warehouse: RedshiftWarehouse, log_group: logs.ILogGroup) -> Function:
        function = Function(
            self,
            "Function",
            handler="reporting_database.handler.handler",
            description="Makes the warehouse's database that an integration fills",
            timeout=_TIMEOUT,
            log_group=log_group,
            concurrency=1,
            without_queue=ANSWERS_CLOUDFORMATION,
        )
        role = function.own_role
        warehouse.grant_administer(as_role(role))
        return function

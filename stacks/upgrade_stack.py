"""The eight-step upgrade of an environment, in its primary Region."""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from constructs import Construct

from mainstay.app_tier.audit_worker import AuditWorker
from mainstay.database.operations_task import CONTAINER, OperationsTask
from mainstay.dns.region_exit import METRIC, exit_alarm_name, exit_namespace
from mainstay.edge.edge_proxy import APP_LABEL
from mainstay.network.tier_security_groups import APP_BALANCER_PORT
from mainstay.read_only.control_table import ControlTable
from mainstay.upgrade.definition import OperationsPlace
from mainstay.upgrade.place import UpgradePlace, UpgradeService
from mainstay.upgrade.upgrade import StandbyExit, Upgrade, UpgradeOperations
from stacks.app_stack import AppStack
from stacks.edge_stack import EdgeStack


@dataclass(frozen=True, kw_only=True)
class UpgradedRegion:
    """The stacks of one Region that an upgrade acts on."""

    app: AppStack
    edge: EdgeStack
    worker: AuditWorker
    control: ControlTable


class UpgradeStack(cdk.Stack):
    """Stateless: what an upgrade knows is in the control table."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_name: str,
        env: cdk.Environment,
        environment_name: str,
        domain: str,
        primary: UpgradedRegion,
        standby: UpgradedRegion | None,
        operations: OperationsTask,
        log_group: logs.ILogGroup,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name,
            env=env,
            description="mainstay: the eight-step upgrade, with no planned downtime",
        )
        self._environment_name = environment_name
        balancer = primary.app.tier.load_balancer
        network = operations.network
        definition = operations.definition
        self.upgrade = Upgrade(
            self,
            "Upgrade",
            environment_name=environment_name,
            primary=self._place(primary),
            standby=None if standby is None else self._place(standby),
            exit_=None if standby is None else self._exit(standby.app.region),
            operations=UpgradeOperations(
                place=OperationsPlace(
                    cluster_arn=operations.cluster.cluster_arn,
                    container=CONTAINER,
                    subnet_ids=[each.subnet_id for each in network.subnets("app").subnets or ()],
                    security_group_id=network.security_groups.operations.security_group_id,
                ),
                cluster_name=operations.cluster.cluster_name,
                family=operations.family,
                roles=(
                    definition.task_role.role_arn,
                    definition.obtain_execution_role().role_arn,
                ),
                app_address=f"{balancer.load_balancer_dns_name}:{APP_BALANCER_PORT}",
                app_name=f"{APP_LABEL}.{domain}",
            ),
            listener=primary.app.tier.listener,
            log_group=log_group,
        )

    def _exit(self, standby_region: str) -> StandbyExit:
        return StandbyExit(
            namespace=exit_namespace(self._environment_name),
            metric=METRIC,
            alarm=exit_alarm_name(self._environment_name, standby_region),
        )

    def _place(self, region: UpgradedRegion) -> UpgradePlace:
        """A Region by names: this stack's own by references, the other by weak ones."""
        foreign = region.app.region != self.region

        def known(value: str) -> str:
            if not foreign:
                return value
            return cdk.Stack.consume_reference(value, cdk.ReferenceStrength.WEAK)

        tier, edge = region.app.tier, region.edge.proxy.tasks
        families = f"mainstay-{self._environment_name}"
        worker = region.worker
        return UpgradePlace(
            region=region.app.region,
            table=known(region.control.table_name),
            halves={
                half: UpgradeService.of(
                    service.service,
                    family=f"{families}-{half}",
                    targets=service.target_group.target_group_arn,
                    definition=service.task_definition,
                    known=known,
                )
                for half, service in tier.halves.items()
            },
            workers=[
                UpgradeService.of(
                    worker.service,
                    family=f"{families}-worker",
                    targets=None,
                    definition=worker.task_definition,
                    known=known,
                )
            ],
            edge=UpgradeService.of(
                edge.service,
                family="",
                targets=None,
                definition=edge.task_definition,
                known=known,
            ),
            rule=None if foreign else tier.weights.listener_rule_arn,
            balancer=known(region.edge.load_balancer.load_balancer_full_name),
            alarms=[known(_alarm(service.failing.alarm)) for service in tier.halves.values()],
        )


def _alarm(alarm: cloudwatch.Alarm) -> str:
    resource = alarm.node.default_child
    assert isinstance(resource, cloudwatch.CfnAlarm)
    return resource.ref

"""One Region of an upgrade, by names: the other Region's are known by nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam

from mainstay.app_tier.app_tier import AppTier
from mainstay.app_tier.audit_worker import AuditWorker
from mainstay.read_only.control_table import ControlTable
from mainstay.references import cross_region
from mainstay.stateless.stateless_service import StatelessService


@dataclass(frozen=True, kw_only=True)
class UpgradeService:
    """An ECS service. `roles` are its tasks' and its execution's, by ARN, to register and run."""

    cluster: str
    name: str
    family: str
    targets: str | None
    roles: tuple[str, ...] = field(repr=False)

    @classmethod
    def of(
        cls,
        service: ecs.FargateService,
        *,
        family: str,
        targets: str | None,
        definition: ecs.FargateTaskDefinition,
        known: Callable[[str], str],
    ) -> UpgradeService:
        """Return a service by its names.

        `known` makes a reference of the service's stack one that the upgrade's stack reads. From
        the L1s: an L2's name is a text that is worked out, which no weak reference can be.
        """
        cluster, resource = service.cluster.node.default_child, service.node.default_child
        assert isinstance(cluster, ecs.CfnCluster)
        assert isinstance(resource, ecs.CfnService)
        roles = (definition.task_role, definition.obtain_execution_role())
        return cls(
            cluster=known(cluster.ref),
            name=known(resource.attr_name),
            family=family,
            targets=None if targets is None else known(targets),
            roles=tuple(known(_arn(role)) for role in roles),
        )

    @property
    def as_json(self) -> dict[str, Any]:
        """Return the service as lambda/functions/upgrade/site.py reads it."""
        return {
            "cluster": self.cluster,
            "name": self.name,
            "family": self.family,
            "targets": self.targets,
        }


@dataclass(frozen=True, kw_only=True)
class UpgradeRegion:
    """One Region. `rule` holds the weights of the halves; `balancer` is the public one."""

    region: str
    table: str
    halves: dict[str, UpgradeService]
    workers: Sequence[UpgradeService]
    edge: UpgradeService
    rule: str | None
    balancer: str
    alarms: Sequence[str]

    @classmethod
    def of(
        cls,
        upgrade: cdk.Stack,
        *,
        control: ControlTable,
        app: AppTier,
        worker: AuditWorker,
        edge: StatelessService,
        balancer: elbv2.ApplicationLoadBalancer,
    ) -> UpgradeRegion:
        """Return a Region as the upgrade's stack knows it; another than its own weakly."""
        region = cdk.Stack.of(app).region
        same_region = region == upgrade.region

        def known(value: str) -> str:
            return value if same_region else cross_region(value)

        return cls(
            region=region,
            table=known(control.table_name),
            halves={
                half: UpgradeService.of(
                    service.service,
                    family=app.families[half],
                    targets=service.target_group.target_group_arn,
                    definition=service.task_definition,
                    known=known,
                )
                for half, service in app.halves.items()
            },
            workers=[
                UpgradeService.of(
                    worker.service,
                    family=worker.family,
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
            rule=app.weights.listener_rule_arn if same_region else None,
            balancer=known(balancer.load_balancer_full_name),
            alarms=[known(_alarm(service.failing.alarm)) for service in app.halves.values()],
        )

    @property
    def releasing(self) -> list[UpgradeService]:
        """Return the services whose families get a new image."""
        return [*self.halves.values(), *self.workers]

    @property
    def as_json(self) -> dict[str, Any]:
        """Return the Region as lambda/functions/upgrade/site.py reads it."""
        return {
            "region": self.region,
            "table": self.table,
            "halves": {name: each.as_json for name, each in self.halves.items()},
            "workers": [each.as_json for each in self.workers],
            "edge": self.edge.as_json,
            "rule": self.rule,
            "balancer": self.balancer,
            "alarms": list(self.alarms),
        }


def _arn(role: iam.IRole) -> str:
    resource = role.node.default_child
    assert isinstance(resource, iam.CfnRole)
    return resource.attr_arn


def _alarm(alarm: cloudwatch.Alarm) -> str:
    resource = alarm.node.default_child
    assert isinstance(resource, cloudwatch.CfnAlarm)
    return resource.ref

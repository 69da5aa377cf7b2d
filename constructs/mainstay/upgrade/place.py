"""One Region of an upgrade, by names: the other Region's are known by nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam


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
        """`known` makes a reference of the service's stack one that the upgrade's stack reads.

        From the L1s: an L2's name is a text that is worked out, which no weak reference can be.
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
    def told(self) -> dict[str, Any]:
        """As lambda/functions/upgrade/site.py reads it."""
        return {
            "cluster": self.cluster,
            "name": self.name,
            "family": self.family,
            "targets": self.targets,
        }


def _arn(role: iam.IRole) -> str:
    resource = role.node.default_child
    assert isinstance(resource, iam.CfnRole)
    return resource.attr_arn


@dataclass(frozen=True, kw_only=True)
class UpgradePlace:
    """One Region. `rule` holds the weights of the halves; `balancer` is the public one."""

    region: str
    table: str
    halves: dict[str, UpgradeService]
    workers: Sequence[UpgradeService]
    edge: UpgradeService
    rule: str | None
    balancer: str
    alarms: Sequence[str]

    @property
    def releasing(self) -> list[UpgradeService]:
        return [*self.halves.values(), *self.workers]

    @property
    def told(self) -> dict[str, Any]:
        """As lambda/functions/upgrade/site.py reads it."""
        return {
            "region": self.region,
            "table": self.table,
            "halves": {name: each.told for name, each in self.halves.items()},
            "workers": [each.told for each in self.workers],
            "edge": self.edge.told,
            "rule": self.rule,
            "balancer": self.balancer,
            "alarms": list(self.alarms),
        }

"""Application Auto Scaling's own hand, which changes numbers of tasks at any moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil
from typing import Any

from tests.upgrade.fake_ecs import FakeEcs
from tests.upgrade.regions import COUNT, PRIMARY, SCALED, aws


class Autoscaler:
    """Scales what is not suspended, within its limits.

    `demand` is the load in tasks of the primary's halves: what its autoscaling has found needed.
    """

    def __init__(self, ecs: Mapping[str, FakeEcs], weights: Callable[[], dict[str, int]]) -> None:
        self._ecs, self._weights = ecs, weights
        self.demand, self.acted = 2 * COUNT, False

    def scale(self, step: int, *, only: str = "") -> None:
        """Change every service's number of tasks by `step`, or only that of one name."""
        before = self._carried()
        for region, ecs in self._ecs.items():
            for cluster, name in SCALED:
                if only in ("", name) and self._scaled(region, ecs, cluster, name, step):
                    self.acted = True
        if (after := self._carried()) != before:
            self.demand = after

    def _carried(self) -> int:
        """Return how much load the halves can carry as the traffic is divided."""
        weights = self._weights()
        whole = sum(weights.values())
        return min(
            len(self._ecs[PRIMARY].running("app", half)) * whole // weight
            for half, weight in weights.items()
            if weight
        )

    def _scaled(self, region: str, ecs: FakeEcs, cluster: str, name: str, step: int) -> bool:
        target = limits(region, cluster, name)
        way = "DynamicScalingOutSuspended" if step > 0 else "DynamicScalingInSuspended"
        count = ecs.services[cluster, name]["desiredCount"]
        wanted = count + step
        if target.get("SuspendedState", {}).get(way):
            return False
        if not target["MinCapacity"] <= wanted <= target["MaxCapacity"]:
            return False
        ecs.update_service(cluster=cluster, service=name, desiredCount=wanted)
        return True

    def short(self) -> list[str]:
        """Return the halves of the primary that have more of the traffic than they can carry."""
        weights = self._weights()
        whole, found = sum(weights.values()), []
        for half, weight in weights.items():
            running = len(self._ecs[PRIMARY].running("app", half))
            if running < (needed := ceil(self.demand * weight / whole)):
                found.append(f"{half} has {weight} of {whole} parts, {running} of {needed} tasks")
        return found


def limits(region: str, cluster: str, name: str) -> dict[str, Any]:
    """Return the scalable target of a service."""
    [found] = aws("application-autoscaling", region).describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[f"service/{cluster}/{name}"]
    )["ScalableTargets"]
    return found

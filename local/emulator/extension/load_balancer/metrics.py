"""A load balancer's metrics in CloudWatch, by load balancer and by target group, as on AWS."""

from __future__ import annotations

import time
from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.load_balancer.state import AccountRegion

_NAMESPACE = "AWS/ApplicationELB"


class Count:
    """One request that is forwarded, from here to its answer."""

    def __init__(self, place: AccountRegion, balancer: str, group: str) -> None:
        self._place = place
        self._balancer = {"LoadBalancer": balancer.partition(":loadbalancer/")[2]}
        self._both = {**self._balancer, "TargetGroup": group.rpartition(":")[2]}
        self._start = time.monotonic()

    def answered(self, status: int) -> None:
        """A target answered, with `status`."""
        self._put("RequestCount", 1.0, "Count")
        self._put(f"HTTPCode_Target_{status // 100}XX_Count", 1.0, "Count")
        self._put("TargetResponseTime", time.monotonic() - self._start, "Seconds")

    def failed(self, status: int) -> None:
        """No target answered; the load balancer did, with `status`."""
        self._put("RequestCount", 1.0, "Count")
        self._put(f"HTTPCode_ELB_{status // 100}XX_Count", 1.0, "Count")
        self._put(f"HTTPCode_ELB_{status}_Count", 1.0, "Count")

    def _put(self, name: str, value: float, unit: str) -> None:
        cloudwatch: Any = inside.service("cloudwatch")
        with inside.responses.request_scope(*self._place):
            for dimensions in (self._balancer, self._both):
                cloudwatch.record_metric(_NAMESPACE, name, value, unit, dimensions)

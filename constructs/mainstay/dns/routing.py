"""Route 53's choice among the Regions: failover to a standby, or the nearest by latency."""

from __future__ import annotations

from typing import Any, Protocol

from aws_cdk import aws_route53 as route53


class Routing(Protocol):
    """The policy of one Region's records: arguments of `route53.ARecord`."""

    def record_arguments(self, region: str) -> dict[str, Any]: ...


class FailoverRouting:
    """All traffic to the primary Region while it is healthy, then to the standby."""

    def __init__(self, role: route53.Failover) -> None:
        self._role = role

    def record_arguments(self, region: str) -> dict[str, Any]:
        return {"failover": self._role, "set_identifier": region}


class LatencyRouting:
    """Traffic to the healthy Region that answers a user's resolver fastest."""

    def record_arguments(self, region: str) -> dict[str, Any]:
        return {"region": region, "set_identifier": region}

"""A half whose traffic was taken away: whether every node of the load balancer knows it by now.

A change of a rule is accepted at once and reaches the nodes within seconds, which no API shows
(Elastic Load Balancing, "Listener rules for your Application Load Balancer"). What shows it is the
half's own count of requests, which CloudWatch has a minute or two later.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from functions.upgrade import half_metrics, services
from functions.upgrade.errors import NotYetError
from functions.upgrade.plan import Plan
from functions.upgrade.site import HALVES, Site

_QUIET_PERIODS = 2
# Before anything else may change for the tasks that serve: a node has its rules by then.
_SETTLED = timedelta(seconds=10)


def divide(site: Site, plan: Plan, shares: dict[str, int], *, now: datetime) -> None:
    """Divide the traffic, and note when it was first divided so."""
    services.set_weights(site, site.primary, shares)
    if plan.notes.get("divided", {}).get("shares") != shares:
        plan.notes["divided"] = {"shares": shares, "at": now.isoformat()}


def require_settled(plan: Plan, *, now: datetime) -> None:
    """NotYetError until the nodes should have the newest weights: for what costs little if not."""
    settled = _divided_at(plan) + _SETTLED
    if now < settled:
        raise NotYetError(f"nodes of the load balancer learn their weights until {settled}")


def require_left(site: Site, plan: Plan, half: str, *, now: datetime) -> None:
    """NotYetError until a half has had no request in two periods that the other one has.

    Where nobody calls at all, until those periods would have been published.
    """
    place, since = site.primary, _divided_at(plan)
    [other] = [each for each in HALVES if each != half]
    first = half_metrics.first_minute(since)

    def requests(name: str) -> dict[datetime, float]:
        dimensions = half_metrics.half_dimensions(place, name)
        return half_metrics.sums(site, place, "RequestCount", dimensions, start=first, end=now)

    counts = {name: requests(name) for name in (half, other)}
    last = max((minute for minute, count in counts[half].items() if count), default=since)
    if len([minute for minute in counts[other] if minute > last]) >= _QUIET_PERIODS:
        return
    if not any(counts.values()) and now >= since + timedelta(seconds=site.quiet_seconds):
        return
    raise NotYetError(
        f"{half} has its requests counted, {sum(counts[half].values()):g} since {since}, until "
        f"{_QUIET_PERIODS} published minutes have none"
    )


def _divided_at(plan: Plan) -> datetime:
    return datetime.fromisoformat(plan.notes["divided"]["at"])

"""The new half's answers to users against the old half's, before it gets more than a tenth.

Alarms see the 5xx of targets at a hundred requests a minute and more. Here every kind of failing
answer counts, from the first request on: refused logins (4xx), errors, connections that no target
took, and the load balancer's own 502, 503 and 504. Where users are few, the logins of the bake
(service.operations.logins) were judged before this looks.
"""

from __future__ import annotations

from datetime import datetime

from functions.sequential_test import limit, strength
from functions.upgrade import half_metrics
from functions.upgrade.errors import FailedError, NotYetError
from functions.upgrade.plan import Plan
from functions.upgrade.site import LEAVES, STAYS, Site

FAILURES = (
    "HTTPCode_Target_4XX_Count",
    "HTTPCode_Target_5XX_Count",
    "TargetConnectionErrorCount",
)
LOOKS = len(FAILURES) + 1  # and the load balancer's own
_OF_BALANCER = "HTTPCode_ELB_5XX_Count"  # which CloudWatch has of no target group
_SLOWER, _SLOW_SECONDS = 3.0, 0.5
_ENOUGH = 100  # answers of a half, for its 99th percentile to be one
# To the next whole minute, two of them, and one until the second is published. A bake that is
# shorter does without this signal.
SIGNAL_SECONDS = 240
_MINUTES = 2


def require_as_good(site: Site, plan: Plan, *, now: datetime) -> str:
    """Return what was compared, in words.

    Raises FailedError where the new half fails or is slow more often than the old, NotYetError
    until two minutes of both are published, where the bake is long enough for that.
    """
    place, divided = site.primary, datetime.fromisoformat(plan.notes["divided"]["at"])
    start = half_metrics.first_minute(divided)

    def total(metric: str, half: str) -> dict[datetime, float]:
        dimensions = half_metrics.half_dimensions(place, half)
        return half_metrics.sums(site, place, metric, dimensions, start=start, end=now)

    counts = {half: total("RequestCount", half) for half in (STAYS, LEAVES)}
    old, new = (sum(counts[half].values()) for half in (STAYS, LEAVES))
    if not new or not old:
        if old and plan.bake_seconds >= SIGNAL_SECONDS:
            raise NotYetError(f"no request that {LEAVES} had is published since {start}")
        return _without_users(plan)
    most = limit(LOOKS)
    for metric in FAILURES:
        failed = {half: sum(total(metric, half).values()) for half in (STAYS, LEAVES)}
        found = strength(
            failures=sum(failed.values()), of_new=failed[LEAVES], share=new / (old + new)
        )
        if found >= most:
            raise FailedError(
                f"the new code fails more often: {metric} is {failed[LEAVES]:g} of {new:g} "
                f"requests, and {failed[STAYS]:g} of {old:g} on the old"
            )
    _require_balancer(site, start, now, most)
    _require_fast(site, start, now, enough=min(old, new) >= _ENOUGH)
    if plan.bake_seconds >= SIGNAL_SECONDS and len(counts[LEAVES]) < _MINUTES:
        raise NotYetError(f"{len(counts[LEAVES])} of {_MINUTES} minutes of {LEAVES} are published")
    return (
        f"{new:g} requests of the new code and {old:g} of the old, in {len(counts[LEAVES])} "
        "published minutes, fail alike"
    )


def _without_users(plan: Plan) -> str:
    if plan.bake_seconds < SIGNAL_SECONDS:
        why = f"a bake of {plan.bake_seconds} s is shorter than the {SIGNAL_SECONDS} s of this look"
    else:
        why = "nobody called"
    return f"no minute of both halves is published ({why}): the canary's logins alone were judged"


def _require_balancer(site: Site, start: datetime, now: datetime, most: float) -> None:
    """Compare the load balancer's own failures with those of as many minutes before the tenth."""
    place = site.primary
    dimensions = [half_metrics.balancer_dimension(place)]

    def total(since: datetime, until: datetime) -> float:
        found = half_metrics.sums(site, place, _OF_BALANCER, dimensions, start=since, end=until)
        return sum(found.values())

    during, before = total(start, now), total(start - (now - start), start)
    if strength(failures=during + before, of_new=during, share=0.5) >= most:
        raise FailedError(
            f"the load balancer answered {during:g} requests by itself (502, 503, 504) since "
            f"{start}, and {before:g} in as long before"
        )


def _require_fast(site: Site, start: datetime, now: datetime, *, enough: bool) -> None:
    new, old = (
        half_metrics.slowest(site, site.primary, half, start=start, end=now)
        for half in (LEAVES, STAYS)
    )
    if enough and new and old and new > _SLOW_SECONDS and new > _SLOWER * old:
        raise FailedError(
            f"the new code is slow: its 99th percentile is {new:.3f} s, the old one's {old:.3f} s"
        )

"""The standby Region out of DNS and back: one data point, and what shows that it has worked."""

from __future__ import annotations

from datetime import datetime, timedelta

from functions.upgrade.errors import NotYetError
from functions.upgrade.plan import Plan
from functions.upgrade.site import Exit, Site

_PERIOD = timedelta(minutes=1)
_PUBLISHED_WITHIN = 3 * _PERIOD


def put(site: Site, value: int) -> None:
    """Publish 1 to leave or 0 to return; publishing again changes nothing."""
    exit_, standby = _of(site)
    site.client("cloudwatch", site.primary.region).put_metric_data(
        Namespace=exit_.namespace,
        MetricData=[
            {
                "MetricName": exit_.metric,
                "Dimensions": [{"Name": "Region", "Value": standby}],
                "Value": float(value),
            }
        ],
    )


def alarm_state(site: Site) -> str:
    exit_, _ = _of(site)
    cloudwatch = site.client("cloudwatch", site.primary.region)
    found = cloudwatch.describe_alarms(AlarmNames=[exit_.alarm])["MetricAlarms"]
    return found[0]["StateValue"] if found else "MISSING"


def leave(site: Site, plan: Plan, *, now: datetime) -> None:
    """NotYetError until the Region is out, resolvers have forgotten it and it is quiet."""
    exit_, standby = _of(site)
    if alarm_state(site) != "ALARM":
        put(site, 1)
        raise NotYetError(f"{standby} is still in DNS: '{exit_.alarm}' is not in ALARM yet")
    left = plan.notes.setdefault("left_dns", now.isoformat())
    gone = datetime.fromisoformat(left) + timedelta(seconds=exit_.seconds)
    if now < gone:
        raise NotYetError(f"resolvers may remember {standby} until {gone.isoformat()}")
    seen = _requests(site, now)
    if seen is None and now < gone + timedelta(seconds=site.quiet_seconds):
        # Route 53's checkers alone call it: a minute without a figure is one that is not there yet.
        raise NotYetError(f"no figure of the requests of {standby} is published")
    if seen is not None and seen > exit_.quiet_requests:
        raise NotYetError(f"{standby} still gets {seen} requests a minute")


def come_back(site: Site) -> None:
    """NotYetError until the Region's own records are healthy again."""
    exit_, standby = _of(site)
    if alarm_state(site) != "ALARM":
        return
    put(site, 0)
    if alarm_state(site) == "ALARM":
        raise NotYetError(f"{standby} is not in DNS yet: '{exit_.alarm}' is in ALARM")


def _requests(site: Site, now: datetime) -> int | None:
    """Return the requests of the standby's public load balancer in its newest published minute.

    None where none of the last few has a figure.
    """
    assert site.standby is not None
    end = now.replace(second=0, microsecond=0)
    points = site.client("cloudwatch", site.standby.region).get_metric_statistics(
        Namespace="AWS/ApplicationELB",
        MetricName="RequestCount",
        Dimensions=[{"Name": "LoadBalancer", "Value": site.standby.balancer}],
        StartTime=end - _PUBLISHED_WITHIN,
        EndTime=end,
        Period=int(_PERIOD.total_seconds()),
        Statistics=["Sum"],
    )["Datapoints"]
    newest = max(points, key=lambda point: point["Timestamp"], default=None)
    return None if newest is None else int(newest["Sum"])


def _of(site: Site) -> tuple[Exit, str]:
    assert site.exit is not None
    assert site.standby is not None
    return site.exit, site.standby.region

"""The load balancer's metrics of one half, by published minutes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from functions.upgrade.site import Place, Site

PERIOD = timedelta(minutes=1)


def balancer_dimension(place: Place) -> dict[str, str]:
    """Return the dimension of the load balancer whose rule divides the traffic."""
    assert place.rule is not None
    # listener-rule/app/<name>/<id>/<listener>/<rule>
    name = "/".join(place.rule.partition(":listener-rule/")[2].split("/")[:3])
    return {"Name": "LoadBalancer", "Value": name}


def half_dimensions(place: Place, half: str) -> list[dict[str, str]]:
    """Return the dimensions of a half's target group behind that load balancer."""
    group = str(place.halves[half].targets).rpartition(":")[2]
    return [balancer_dimension(place), {"Name": "TargetGroup", "Value": group}]


def first_minute(after: datetime) -> datetime:
    """Return when the first whole minute after a moment begins."""
    later = after + PERIOD
    return later - timedelta(seconds=later.second, microseconds=later.microsecond)


def sums(
    site: Site,
    place: Place,
    metric: str,
    dimensions: list[dict[str, str]],
    *,
    start: datetime,
    end: datetime,
) -> dict[datetime, float]:
    """Return the sum of a metric in each minute that has one; CloudWatch publishes no zeros."""
    points = _points(site, place, metric, dimensions, start, end, Statistics=["Sum"])
    return {point["Timestamp"]: point["Sum"] for point in points}


def slowest(site: Site, place: Place, half: str, *, start: datetime, end: datetime) -> float | None:
    """Return the 99th percentile of a half's answers in seconds, in its worst minute."""
    points = _points(
        site,
        place,
        "TargetResponseTime",
        half_dimensions(place, half),
        start,
        end,
        ExtendedStatistics=["p99"],
    )
    found = [point.get("ExtendedStatistics", {}).get("p99") for point in points]
    return max((each for each in found if each is not None), default=None)


def _points(
    site: Site,
    place: Place,
    metric: str,
    dimensions: list[dict[str, str]],
    start: datetime,
    end: datetime,
    **statistics: Any,
) -> list[dict[str, Any]]:
    end -= timedelta(seconds=end.second, microseconds=end.microsecond)  # whole minutes alone
    if start >= end:
        return []
    return site.client("cloudwatch", place.region).get_metric_statistics(
        Namespace="AWS/ApplicationELB",
        MetricName=metric,
        Dimensions=dimensions,
        StartTime=start,
        EndTime=end,
        Period=int(PERIOD.total_seconds()),
        **statistics,
    )["Datapoints"]

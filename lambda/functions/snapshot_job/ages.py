"""Publishes the age of the newest good set of every series, in hours; alarms watch it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from functions.snapshot_job.snapshot_sets import SnapshotSet, of_series
from functions.snapshot_job.targets import SnapshotTarget

SNAPSHOT_AGE = "SnapshotAge"  # seconds since the slot of the newest good set; dimension Series
COPY_AGE = "SnapshotCopyAge"  # the same in the second Region


def ages(
    targets: Iterable[SnapshotTarget], sets: Iterable[SnapshotSet], now: datetime
) -> dict[str, float]:
    """Seconds by series, of every target: from its newest good set, or else from its volume's
    creation, so that what was never snapshotted grows old too."""
    by_series = of_series(one for one in sets if one.good)
    return {
        target.series: (now - _since(target, by_series.get(target.series, []))).total_seconds()
        for target in targets
    }


def _since(target: SnapshotTarget, good: list[SnapshotSet]) -> datetime:
    return max((one.slot for one in good), default=target.created)


def publish(cloudwatch: Any, namespace: str, name: str, by_series: dict[str, float]) -> None:
    """Write one metric, with the series as its dimension."""
    if not by_series:
        return
    cloudwatch.put_metric_data(
        Namespace=namespace,
        MetricData=[
            {
                "MetricName": name,
                "Dimensions": [{"Name": "Series", "Value": series}],
                "Value": seconds,
                "Unit": "Seconds",
            }
            for series, seconds in by_series.items()
        ],
    )

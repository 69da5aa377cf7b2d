"""Alarms on metric math."""

from __future__ import annotations

from typing import Any

from local.emulator.extension import inside


def install() -> None:
    record = inside.provisioners._cw_metric_alarm_record
    inside.provisioners._cw_metric_alarm_record = lambda name, properties: _with_metrics(
        record, name, properties
    )


def _with_metrics(record: Any, name: str, properties: Any) -> dict[str, Any]:
    metrics = properties.get("Metrics")
    if not metrics:
        return record(name, properties)
    plain = {key: value for key, value in properties.items() if key != "Metrics"}
    alarm = record(
        name, {**plain, "MetricName": "x", "Namespace": "x", "Statistic": "Average", "Period": 60}
    )
    for key in (
        "MetricName",
        "Namespace",
        "Statistic",
        "ExtendedStatistic",
        "Period",
        "Dimensions",
    ):
        alarm.pop(key, None)
    return {**alarm, "Metrics": metrics}

"""Alarms in templates and APIs: metric math is kept, every alarm evaluated and published."""

from __future__ import annotations

from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.alarms import evaluation, events
from local.emulator.extension.models import service
from local.emulator.extension.shapes import fit

# What an alarm on several metrics has not.
_OF_ONE = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions")


def install() -> None:
    provisioners = inside.provisioners
    provisioners._cw_metric_alarm_record = _with_metrics(provisioners._cw_metric_alarm_record)
    evaluation.CLOUDWATCH._evaluate_alarm = evaluation.evaluate_alarm
    evaluation.CLOUDWATCH._record_history = events.publishing(evaluation.CLOUDWATCH._record_history)
    evaluation.start()


def _with_metrics(record: Any) -> Any:
    """The emulator refuses metric math: it is given a metric, which is then taken away."""

    def recorded(name: str, properties: Any) -> dict[str, Any]:
        if not properties.get("Metrics"):
            return record(name, properties)
        single = {"MetricName": "-", "Namespace": "-", "Statistic": "Average", "Period": 60}
        plain = {key: value for key, value in properties.items() if key != "Metrics"}
        alarm = record(name, {**plain, **single})
        for key in _OF_ONE:
            alarm.pop(key, None)
        shape = service("cloudwatch").shape_for("MetricDataQueries")
        return {**alarm, "Metrics": fit(shape, properties["Metrics"], "Metrics")}

    return recorded

"""Evaluates every alarm, when a datum comes and every few seconds, and notifies its actions."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.alarms.metric_math import Value, evaluate
from local.emulator.extension.alarms.verdict import verdict

CLOUDWATCH: Any = inside.service("cloudwatch")
_EVERY_SECONDS = 10
_log = logging.getLogger("alarms")


def start() -> None:
    """Let time pass for alarms: data grow old, and a state goes back."""
    threading.Thread(target=_forever, name="alarms", daemon=True).start()


def evaluate_alarm(alarm: dict[str, Any]) -> None:
    """Set an alarm's state by its metrics, and run the actions of a change."""
    state = verdict(alarm, _values(alarm, time.time()))
    before = alarm["StateValue"]
    if state is None or state == before:
        return
    reason = f"Threshold Crossed: {alarm['ComparisonOperator']} {alarm['Threshold']}"
    alarm["StateValue"], alarm["StateReason"] = state, reason
    alarm["StateUpdatedTimestamp"] = int(time.time())
    CLOUDWATCH._record_history(alarm["AlarmName"], before, state, reason)
    CLOUDWATCH._dispatch_alarm_actions(alarm, before, state, reason)
    CLOUDWATCH._evaluate_parent_alarms(alarm)


def _forever() -> None:
    while True:
        time.sleep(_EVERY_SECONDS)
        for (account, region, _), alarm in CLOUDWATCH._alarms.all_items():
            try:
                with inside.responses.request_scope(account, region):
                    evaluate_alarm(alarm)
            except Exception:
                _log.exception("an alarm could not be evaluated: %s", alarm.get("AlarmName"))


def _values(alarm: dict[str, Any], now: float) -> list[Value]:
    """One value per period, the newest first; a period ends now, not at a full minute."""
    periods = int(alarm.get("EvaluationPeriods", 1))
    metrics = alarm.get("Metrics") or [_single(alarm)]
    seconds = max(int(m["MetricStat"]["Period"]) for m in metrics if "MetricStat" in m)
    return [
        _value(metrics, now - (index + 1) * seconds, now - index * seconds)
        for index in range(periods)
    ]


def _single(alarm: dict[str, Any]) -> dict[str, Any]:
    """Return an alarm on one metric, as the only member of a list of metrics."""
    metric = {
        "Namespace": alarm.get("Namespace"),
        "MetricName": alarm.get("MetricName"),
        "Dimensions": alarm.get("Dimensions") or [],
    }
    stat = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
    return {
        "Id": "m1",
        "MetricStat": {"Metric": metric, "Period": alarm.get("Period") or 60, "Stat": stat},
    }


def _value(metrics: list[dict[str, Any]], start: float, end: float) -> Value:
    """Return what the metric or expression with ReturnData has for one period."""
    known = {
        metric["Id"]: _statistic(metric["MetricStat"], start, end)
        for metric in metrics
        if "MetricStat" in metric
    }
    waiting = [metric for metric in metrics if "Expression" in metric]
    while waiting:  # an expression may use another one
        ready = [m for m in waiting if not _uses(m, {w["Id"] for w in waiting} - {m["Id"]})]
        if not ready:
            raise ValueError("expressions of an alarm should not need each other")
        for metric in ready:
            known[metric["Id"]] = evaluate(metric["Expression"], known)
        waiting = [metric for metric in waiting if metric not in ready]
    returned = [m for m in metrics if str(m.get("ReturnData", True)).lower() == "true"]
    return known[returned[0]["Id"]]


def _uses(metric: dict[str, Any], identifiers: set[str]) -> bool:
    words = set(metric["Expression"].replace("(", " ").replace(")", " ").replace(",", " ").split())
    return bool(words & identifiers)


def _statistic(stat: dict[str, Any], start: float, end: float) -> Value:
    metric = stat["Metric"]
    dimensions = CLOUDWATCH._dims_key(CLOUDWATCH._dims_from_list(metric.get("Dimensions") or []))
    points = CLOUDWATCH._metrics.get((metric["Namespace"], metric["MetricName"], dimensions)) or ()
    inside_period = [point for point in list(points) if start < point["Timestamp"] <= end]
    if not inside_period:
        return None
    return CLOUDWATCH._stat_value(
        CLOUDWATCH._calc_stats(inside_period), stat["Stat"], inside_period
    )

"""Measures how far every replica is behind, in bytes and seconds, and what is wrong with it."""

from __future__ import annotations

from typing import Any

import psycopg

from service.operations import replication
from service.operations.delayed import state as delayed_state
from service.operations.node import Link
from service.operations.operator import Operator

NAMESPACE = "Mainstay/{environment}/Databases"  # where a role of that environment may write

_SLOT = """
SELECT (pg_current_wal_lsn() - confirmed_flush_lsn)::bigint,
       (pg_current_wal_lsn() - restart_lsn)::bigint, active, wal_status,
       extract(epoch FROM clock_timestamp() - inactive_since)::float8
FROM pg_replication_slots WHERE slot_name = %s
"""
# The time that the newest applied change was written at the publisher.
_APPLIED = """
SELECT extract(epoch FROM clock_timestamp() - latest_end_time)::float8
FROM pg_stat_subscription WHERE subname = %s AND relid IS NULL AND latest_end_time IS NOT NULL
"""
_ERRORS = """
SELECT apply_error_count + sync_error_count FROM pg_stat_subscription_stats WHERE subname = %s
"""
_READERS = """
SELECT application_name, (pg_current_wal_lsn() - replay_lsn)::bigint,
       extract(epoch FROM replay_lag)::float8
FROM pg_stat_replication r
WHERE NOT EXISTS (
    SELECT FROM pg_replication_slots s WHERE s.active_pid = r.pid AND s.slot_type = 'logical')
"""


def report(operator: Operator, *, delay_target: float | None = None) -> list[dict[str, Any]]:
    """Return one entry per replica; a node that does not answer is an entry with `error`.

    `seconds` is None where nothing was received yet, and grows while nobody reads the slot.
    `retained_bytes` is what a slot makes its publisher keep. `delay_target` is how far behind the
    delayed replica has to be, in seconds.
    """
    found = [_guarded(link.name, _link, operator, link) for link in operator.links_of()]
    for name, node in operator.nodes.items():
        if node.store and name != "follower":
            found.extend(_readers(operator, name))
    if "delayed" in operator.nodes:
        found.append(_guarded("delayed", _delayed, operator, delay_target))
    return found


def _guarded(replica: str, ask: Any, operator: Operator, *arguments: Any) -> dict[str, Any]:
    try:
        return {"replica": replica, **ask(operator, *arguments)}
    except psycopg.OperationalError as error:
        return {"replica": replica, "error": str(error).splitlines()[0]}


def _link(operator: Operator, link: Link) -> dict[str, Any]:
    slot = operator.on(link.publisher.name).rows(_SLOT, link.name)
    subscriber = operator.on(link.subscriber.name)
    none = (None, None, False, "gone", None)
    behind, retained, active, status, unread = slot[0] if slot else none
    # A subscription that is off tells nothing of what it applied; its slot tells since when.
    ages = (subscriber.value(_APPLIED, link.name), unread)
    seconds = max((age for age in ages if age is not None), default=None)
    if behind == 0:
        seconds = 0.0
    problems = replication.verify(operator, link)
    return {
        "bytes": behind,
        "seconds": seconds,
        "retained_bytes": retained,
        "active": active,
        "slot": status,
        "errors": subscriber.value(_ERRORS, link.name),
        "problems": problems,
    }


def _readers(operator: Operator, name: str) -> list[dict[str, Any]]:
    try:
        rows = operator.on(name).rows(_READERS)
    except psycopg.OperationalError:
        return []  # its links say so
    return [
        {"replica": f"{name}/{reader}", "bytes": behind, "seconds": seconds or 0.0}
        for reader, behind, seconds in rows
    ]


def _delayed(operator: Operator, target: float | None) -> dict[str, Any]:
    found = delayed_state(operator, "delayed")
    below = None if target is None else found["configured_seconds"] < target
    return {**found, "below_target": below}


def publish(cloudwatch: Any, report: list[dict[str, Any]], *, environment: str) -> None:
    """Put the report into CloudWatch, one metric per figure, by environment and replica."""
    units = {
        "bytes": ("ReplicaLagBytes", "Bytes"),
        "seconds": ("ReplicaLag", "Seconds"),
        "retained_bytes": ("SlotRetainedBytes", "Bytes"),
        "errors": ("SubscriptionErrors", "Count"),
        "delay_seconds": ("ReplicaDelay", "Seconds"),
    }
    data = []
    for entry in report:
        dimensions = [
            {"Name": "Environment", "Value": environment},
            {"Name": "Replica", "Value": entry["replica"]},
        ]
        figures = {
            name: (entry[figure], unit)
            for figure, (name, unit) in units.items()
            if entry.get(figure) is not None
        }
        broken = "error" in entry or bool(entry.get("problems")) or bool(entry.get("below_target"))
        figures["ReplicaBroken"] = (int(broken), "Count")
        data.extend(
            {"MetricName": name, "Dimensions": dimensions, "Value": float(value), "Unit": unit}
            for name, (value, unit) in figures.items()
        )
    for start in range(0, len(data), 1_000):  # PutMetricData takes 1,000 at once
        cloudwatch.put_metric_data(
            Namespace=NAMESPACE.format(environment=environment),
            MetricData=data[start : start + 1_000],
        )

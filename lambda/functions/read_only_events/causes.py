"""Reads the cause from an event. An unknown event is an error, never a guess."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

# Amazon Aurora User Guide, "Amazon RDS event categories and event messages": DB cluster events of
# the category failover. 0070 promotes the previous writer again, 0071 has ended, 0072 and 0073
# have begun within a zone and across zones, 0069 has failed.
FAILOVERS = (
    "RDS-EVENT-0069",
    "RDS-EVENT-0070",
    "RDS-EVENT-0071",
    "RDS-EVENT-0072",
    "RDS-EVENT-0073",
)


class EntryKind(StrEnum):
    """Names what is wrong, which decides what is done."""

    WRITER = "writer"  # it fails over or is down: READ_ONLY, under an upgrade too
    LAG = "lag"  # a replica is too far behind: READ_ONLY, but not under an upgrade
    BROKEN = "broken"  # a replica gets nothing any more: a person is notified


class UnknownEventError(Exception):
    """Raised for an event that no rule should have sent; the message holds it."""


@dataclass(frozen=True, kw_only=True)
class EntryCause:
    """`by` and `reason` go into the mode's record; the same event always makes the same two."""

    kind: EntryKind
    by: str
    reason: str
    at: datetime  # when it happened, not when it was delivered


def cause_of(
    event: Mapping[str, Any], *, masters: Collection[str], alarms: Mapping[str, EntryKind]
) -> EntryCause:
    """Return the cause that an event of EventBridge names. `masters` are ARNs of clusters.

    Raises UnknownEventError for every other event.
    """
    try:
        match event["source"], event["detail-type"]:
            case "aws.rds", "RDS DB Cluster Event":
                return _failover(event, masters)
            case "aws.cloudwatch", "CloudWatch Alarm State Change":
                return _alarm(event, alarms)
    except (KeyError, TypeError, ValueError) as error:
        raise UnknownEventError(f"not such an event, {error!r}: {event}") from error
    raise UnknownEventError(f"neither Amazon RDS nor CloudWatch says so: {event}")


def _failover(event: Mapping[str, Any], masters: Collection[str]) -> EntryCause:
    detail = event["detail"]
    if detail["EventID"] not in FAILOVERS or detail["SourceArn"] not in masters:
        raise UnknownEventError(
            f"{detail['EventID']} of {detail['SourceArn']} is no failover of {sorted(masters)}"
        )
    at = _moment(detail.get("Date") or event["time"])
    return EntryCause(
        kind=EntryKind.WRITER,
        by=f"{detail['EventID']} of {detail['SourceIdentifier']}",
        reason=f"{detail['Message']} ({at:%Y-%m-%dT%H:%M:%SZ}, event {event['id']})",
        at=at,
    )


def _alarm(event: Mapping[str, Any], alarms: Mapping[str, EntryKind]) -> EntryCause:
    detail = event["detail"]
    name, state = detail["alarmName"], detail["state"]
    if name not in alarms or state["value"] != "ALARM":
        raise UnknownEventError(
            f"{state['value']} of the alarm {name}, where ALARM of {sorted(alarms)} is known"
        )
    at = _moment(state.get("timestamp") or event["time"])
    return EntryCause(
        kind=alarms[name],
        by=f"alarm {name}",
        reason=f"{state.get('reason') or 'ALARM'} ({at:%Y-%m-%dT%H:%M:%SZ}, event {event['id']})",
        at=at,
    )


def _moment(text: str) -> datetime:
    """A time with its zone, in UTC. CloudWatch writes +0000, Amazon RDS Z."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"a time should know its zone, got {text}")
    return at.astimezone(UTC)

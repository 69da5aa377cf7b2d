"""Finds what stands against leaving READ_ONLY: alarms in ALARM, masters without a writer, locks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cli.deployed import Deployed
from cli.errors import NotDeployedError
from functions.control_table.lock import Lock, read

_TIER = "readonly"
_ALARMS = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
_AT_ONCE = 100  # names that DescribeAlarms takes
_UNANSWERED = (ClientError, BotoCoreError, NotDeployedError)


def causes(deployed: Deployed) -> list[str]:
    """Return each cause in words, of every Region of the environment; none when all is well.

    What does not answer counts as a cause: nobody knows then that all is well.
    """
    try:
        every = regions(deployed)
    except _UNANSWERED as error:
        return [f"{deployed.stack(_TIER)} does not answer: {error}"]
    found: list[str] = []
    for each in every:
        try:
            found.extend(_causes_in(deployed.beside(each)))
        except _UNANSWERED as error:
            found.append(f"{each} does not answer: {error}")
    return found


def regions(deployed: Deployed) -> list[str]:
    """Return the environment's Regions as its stack names them, the primary first."""
    return deployed.outputs(_TIER)["Regions"].split(",")


def readers_of(deployed: Deployed) -> str:
    """Return "cluster=least" of the Region's master whose readers READ_ONLY raises, or "none"."""
    with contextlib.suppress(NotDeployedError):
        return deployed.outputs(_TIER).get("Readers", "none")
    return "none"


def locks(deployed: Deployed, own_table: str) -> Iterator[Lock]:
    """Yield the lock of every Region that answers: an upgrade of both holds the primary's alone."""
    tables = {deployed.region: own_table}
    with contextlib.suppress(*_UNANSWERED):
        tables = dict.fromkeys(regions(deployed), "") | tables
    for region, name in tables.items():
        with contextlib.suppress(*_UNANSWERED):
            there = deployed.beside(region)
            if found := read(there.client("dynamodb"), name or there.control_table()):
                yield found


def _causes_in(deployed: Deployed) -> Iterator[str]:
    names = [name for kind in _ALARMS for _, name in deployed.resources(_TIER, kind)]
    cloudwatch = deployed.client("cloudwatch")
    for start in range(0, len(names), _AT_ONCE):
        answer = cloudwatch.describe_alarms(
            AlarmNames=names[start : start + _AT_ONCE],
            AlarmTypes=["MetricAlarm", "CompositeAlarm"],
        )
        for alarm in (*answer["CompositeAlarms"], *answer["MetricAlarms"]):
            if alarm["StateValue"] == "ALARM":
                why = alarm.get("AlarmDescription") or alarm.get("StateReason", "")
                yield f"the alarm {alarm['AlarmName']} of {deployed.region} is in ALARM: {why}"
    masters = deployed.outputs(_TIER)["Masters"]
    for name in masters.split(",") if masters != "none" else ():
        yield from _unwritable(deployed.client("rds"), name)


def _unwritable(rds: Any, name: str) -> Iterator[str]:
    try:
        [cluster] = rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"]
    except rds.exceptions.DBClusterNotFoundFault:
        yield f"the master {name} is not there: the other one has no successor"
        return
    if cluster["Status"] != "available":
        yield f"the master {name} is {cluster['Status']}, where it should be available"
    elif not any(each["IsClusterWriter"] for each in cluster["DBClusterMembers"]):
        yield f"the master {name} has no writer"

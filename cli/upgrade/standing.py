"""What still speaks against leaving READ_ONLY: alarms that stand, masters that have no writer."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cli.upgrade.find import NotFoundError, table
from functions.control_table.lock import Lock, read

Client = Callable[..., Any]  # of a service and a Region
_ALARMS = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
_AT_ONCE = 100  # names that DescribeAlarms takes


def causes(client: Client, environment: str, region: str) -> list[str]:
    """Each in words, of every Region that the Region's stack names; empty when all is well.

    What cannot be asked counts as a cause: nobody knows then that all is well.
    """
    try:
        every = regions(client, environment, region)
    except (ClientError, BotoCoreError) as error:
        return [f"{_stack(environment, region)} cannot be asked: {error}"]
    found: list[str] = []
    for each in every:
        try:
            found.extend(_of_region(client, environment, each))
        except (ClientError, BotoCoreError) as error:
            found.append(f"{each} cannot be asked: {error}")
    return found


def regions(client: Client, environment: str, region: str) -> list[str]:
    """Of the environment, as the stack of this one says; the primary is the first."""
    return _outputs(client, environment, region)["Regions"].split(",")


def locks(client: Client, environment: str, region: str, own: str) -> Iterator[Lock]:
    """Of every Region that answers: an upgrade of both holds the primary's. `own` is a table's."""
    tables = {region: own}
    with contextlib.suppress(ClientError, BotoCoreError):
        every = regions(client, environment, region)
        tables = {each: own if each == region else "" for each in every} | tables
    for each, name in tables.items():
        with contextlib.suppress(ClientError, BotoCoreError, NotFoundError):
            name = name or table(partial(client, region=each), environment, each)
            if found := read(client("dynamodb", region=each), name):
                yield found


def _of_region(client: Client, environment: str, region: str) -> Iterator[str]:
    stack = _stack(environment, region)
    resources = client("cloudformation", region).describe_stack_resources(StackName=stack)
    names = [
        each["PhysicalResourceId"]
        for each in resources["StackResources"]
        if each["ResourceType"] in _ALARMS
    ]
    cloudwatch = client("cloudwatch", region)
    for start in range(0, len(names), _AT_ONCE):
        answer = cloudwatch.describe_alarms(
            AlarmNames=names[start : start + _AT_ONCE],
            AlarmTypes=["MetricAlarm", "CompositeAlarm"],
        )
        for alarm in (*answer["CompositeAlarms"], *answer["MetricAlarms"]):
            if alarm["StateValue"] == "ALARM":
                why = alarm.get("AlarmDescription") or alarm.get("StateReason", "")
                yield f"the alarm {alarm['AlarmName']} of {region} is in ALARM: {why}"
    masters = _outputs(client, environment, region)["Masters"]
    for name in masters.split(",") if masters != "none" else ():
        yield from _unwritable(client("rds", region), name)


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


def _stack(environment: str, region: str) -> str:
    return f"mainstay-{environment}-{region}-readonly"


def _outputs(client: Client, environment: str, region: str) -> dict[str, str]:
    stack = _stack(environment, region)
    [found] = client("cloudformation", region).describe_stacks(StackName=stack)["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", ())}

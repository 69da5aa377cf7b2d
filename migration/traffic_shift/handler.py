"""The function of a shift, called by a clock, by an alarm and by a person."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import boto3

from . import accepted, conduct
from .access_log import AccessLog
from .counting import LEGACY, NEW
from .memory import ShiftOvertakenError
from .shift import ShiftPlan
from .weights import Weights

# Kept for the decision and its write after the last five minutes of log that a turn counts.
_RESERVE_MILLISECONDS = 240_000


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Obey {"command": ..., "by": ...} of a clock or a person, or an alarm's change of state.

    Returns the status of the shift. Raises ValueError on a wrong event, and NotNowError on a
    command that the shift's state does not allow.
    """
    site = _site(os.environ)
    now = datetime.now(UTC)
    if event.get("detail-type") == "CloudWatch Alarm State Change":
        name = event["detail"]["alarmName"]
        conduct.take_back(site, now=now, by=f"alarm {name}")
        return conduct.status(site)
    name = event.get("command", "")
    if name == "tick":
        try:
            conduct.tick(
                site,
                now=now,
                time_left=lambda: context.get_remaining_time_in_millis() > _RESERVE_MILLISECONDS,
            )
        except ShiftOvertakenError as error:
            # Another turn, or a person, was faster: the next turn sees what they wrote.
            print(json.dumps({"traffic_shift": {"overtaken": str(error)}}))
    elif name != "status":
        by = event.get("by") or ""
        if not by:
            raise ValueError(f"'by' should name who sends the command '{name}', got '{by}'")
        conduct.obey(site, name, now=now, by=by)
    return conduct.status(site)


def _site(environment: Mapping[str, str]) -> conduct.ShiftContext:
    dynamodb: Any = boto3.resource("dynamodb")
    legacy, new = environment["LEGACY_TARGETS"], environment["NEW_TARGETS"]
    return conduct.ShiftContext(
        table=dynamodb.Table(environment["CONTROL_TABLE"]),
        weights=Weights(
            elbv2=boto3.client("elbv2"), rule=environment["RULE"], legacy=legacy, new=new
        ),
        log=AccessLog(
            s3=boto3.client("s3"),
            bucket=environment["LOG_BUCKET"],
            folder=environment["LOG_FOLDER"],
            balancer=environment["BALANCER"],
        ),
        in_alarm=lambda: _in_alarm(environment["ALARMS"].split(",")),
        groups={legacy: LEGACY, new: NEW},
        routes=environment["ROUTES"].split(","),
        plan=ShiftPlan(),
        accepted=accepted.load(),
    )


def _in_alarm(names: Sequence[str]) -> list[str]:
    """Return which of these are in alarm; one that is gone cannot warn, and counts as one."""
    pages = boto3.client("cloudwatch").get_paginator("describe_alarms")
    states = {
        alarm["AlarmName"]: alarm["StateValue"]
        for page in pages.paginate(AlarmNames=list(names))
        for alarm in page["MetricAlarms"]
    }
    return [name for name in names if states.get(name, "ALARM") == "ALARM"]

"""CloudWatch publishes to an alarm's topics as itself."""

from __future__ import annotations

from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.access import judge
from local.emulator.extension.access.actions import messages

_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")


def install() -> None:
    cloudwatch = inside.service("cloudwatch")
    dispatch = cloudwatch._dispatch_alarm_actions

    def dispatched(alarm: dict[str, Any], before: str, state: str, reason: str) -> Any:
        kind = {"ALARM": "AlarmActions", "OK": "OKActions"}.get(state, _ACTIONS[-1])
        reached = [topic for topic in alarm.get(kind) or () if _reaches(alarm, topic)]
        return dispatch({**alarm, kind: reached}, before, state, reason)

    cloudwatch._dispatch_alarm_actions = dispatched


def _reaches(alarm: dict[str, Any], topic: str) -> bool:
    if topic.split(":")[2] != "sns":
        return True
    own = inside.account()
    # The owner is what a topic's default policy asks for, which lets alarms of the account publish.
    by = {"aws:sourceaccount": own, "aws:sourceowner": own, "aws:sourcearn": alarm["AlarmArn"]}
    needed = [c._replace(context={**c.context, **by}) for c in messages.to_topic(topic)]
    return judge.allowed(judge.service("cloudwatch.amazonaws.com"), needed)

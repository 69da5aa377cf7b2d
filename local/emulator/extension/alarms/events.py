"""A change of an alarm's state as an event on the default bus, where rules wait for it."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import Any

from local.emulator.extension import inside


def publishing(record_history: Any) -> Any:
    """Return the function that writes an alarm's history, and now also publishes the change."""

    def recorded(name: str, before: str, state: str, reason: str, *rest: Any, **given: Any) -> None:
        record_history(name, before, state, reason, *rest, **given)
        place = inside.account(), inside.region()
        # Apart: a rule's target may be a function, and an alarm is evaluated within a request.
        threading.Thread(
            target=_publish,
            args=(place, name, before, state, reason),
            name="alarm-event",
            daemon=True,
        ).start()

    return recorded


def _publish(place: tuple[str, str], name: str, before: str, state: str, reason: str) -> None:
    """CloudWatch User Guide, "Alarm events and EventBridge"."""
    account, region = place
    moment = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}.000+0000"
    detail = {
        "alarmName": name,
        "state": {"value": state, "reason": reason, "timestamp": moment},
        "previousState": {"value": before, "timestamp": moment},
    }
    entry = {
        "Source": "aws.cloudwatch",
        "DetailType": "CloudWatch Alarm State Change",
        "Detail": json.dumps(detail),
        "Resources": [f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}"],
    }
    with inside.responses.request_scope(account, region):
        inside.service("eventbridge")._put_events({"Entries": [entry]}, allow_aws_source=True)

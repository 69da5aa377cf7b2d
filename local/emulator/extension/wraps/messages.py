"""Topics: attributes beside the name; schedules: when and in which zone they count."""

from __future__ import annotations

import json

from local.emulator.extension import inside
from local.emulator.extension.client import client
from local.emulator.extension.registry import Made, Properties
from local.emulator.extension.shapes import request
from local.emulator.extension.wraps.around import after

_TOPIC = ("KmsMasterKeyId", "SignatureVersion", "TracingConfig", "ArchivePolicy")
_SCHEDULE = {
    "ScheduleExpressionTimezone": "UTC",
    "StartDate": None,
    "EndDate": None,
    "KmsKeyArn": None,
}

_TARGET = ("RetryPolicy", "EcsParameters", "Input")


def install() -> None:
    after("AWS::SNS::Topic", _topic)
    after("AWS::Scheduler::Schedule", _schedule)


def _topic(made: Made, old: Properties, new: Properties) -> None:
    for name in _TOPIC:
        if new.get(name) != old.get(name):
            value = new.get(name, "")
            text = json.dumps(value) if isinstance(value, dict) else str(value)
            client("sns").set_topic_attributes(
                TopicArn=made.physical_id, AttributeName=name, AttributeValue=text
            )


def _schedule(made: Made, old: Properties, new: Properties) -> None:
    key = f"{new.get('GroupName', 'default')}/{made.physical_id}"
    record = inside.service("scheduler")._schedules[key]
    record |= {name: new.get(name, default) for name, default in _SCHEDULE.items()}
    given = {name: new["Target"][name] for name in _TARGET if name in new["Target"]}
    if given:
        scheduler = client("scheduler")
        asked = request(scheduler, "create_schedule", {"Target": given})
        record["Target"] |= asked["Target"]

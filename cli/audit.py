"""`mainstay audit show | redrive`: the audit events that wait, and those that were set aside."""

from __future__ import annotations

from typing import Any

import click

from cli.command import EXIT_CODES, SETTINGS, as_json, on_environment
from cli.deployed import Deployed
from cli.errors import NotDeployedError
from cli.output import answer, progress

_AT_ONCE = 10  # messages that one call of Amazon SQS takes
# Long enough to write what was received back, short enough that a killed run's return soon.
_HELD_SECONDS = 60
_COUNTS = {
    "waiting": "ApproximateNumberOfMessages",
    "held_by_workers": "ApproximateNumberOfMessagesNotVisible",
}


@click.group(epilog=EXIT_CODES, context_settings=SETTINGS)
def audit() -> None:
    """Show the audit queue of a Region, and send back what was set aside."""


@audit.command()
@as_json
@on_environment
def show(deployed: Deployed, as_json: bool) -> None:
    """Show how many events wait, are held by workers, and were set aside."""
    answer(_counts(deployed), as_json=as_json)


@audit.command()
@as_json
@on_environment
def redrive(deployed: Deployed, as_json: bool) -> None:
    """Send every event that was set aside to the queue again.

    An event is sent before it is deleted, so one may be sent twice; the worker writes it once.
    """
    sqs, queues = deployed.client("sqs"), _queues(deployed)
    moved = 0
    with progress("events") as advance:
        while messages := _received(sqs, queues["DeadLetters"]):
            moved += _moved(sqs, queues, messages)
            advance(len(messages))
    answer({"redriven": moved, **_counts(deployed)}, as_json=as_json)


def _queues(deployed: Deployed) -> dict[str, str]:
    """Return the URLs of the queue and of what was set aside, by their names in the stack."""
    found = {}
    for logical, url in deployed.resources("events", "AWS::SQS::Queue"):
        for name in ("Events", "DeadLetters"):
            if logical.startswith(f"Audit{name}"):
                found[name] = url
    if len(found) != 2:
        raise NotDeployedError(f"'{deployed.stack('events')}' lacks a queue: is its deploy done?")
    return found


def _counts(deployed: Deployed) -> dict[str, int | str]:
    sqs, queues = deployed.client("sqs"), _queues(deployed)

    def count(name: str, attribute: str) -> int:
        found = sqs.get_queue_attributes(QueueUrl=queues[name], AttributeNames=[attribute])
        return int(found["Attributes"][attribute])

    events = {name: count("Events", attribute) for name, attribute in _COUNTS.items()}
    return {**events, "set_aside": count("DeadLetters", _COUNTS["waiting"])}


def _received(sqs: Any, queue: str) -> list[dict[str, Any]]:
    return sqs.receive_message(
        QueueUrl=queue, MaxNumberOfMessages=_AT_ONCE, VisibilityTimeout=_HELD_SECONDS
    ).get("Messages", [])


def _moved(sqs: Any, queues: dict[str, str], messages: list[dict[str, Any]]) -> int:
    entries = [
        {"Id": str(number), "MessageBody": message["Body"]}
        for number, message in enumerate(messages)
    ]
    sent = sqs.send_message_batch(QueueUrl=queues["Events"], Entries=entries)["Successful"]
    done = [messages[int(each["Id"])]["ReceiptHandle"] for each in sent]
    if done:
        sqs.delete_message_batch(
            QueueUrl=queues["DeadLetters"],
            Entries=[{"Id": str(n), "ReceiptHandle": each} for n, each in enumerate(done)],
        )
    return len(done)

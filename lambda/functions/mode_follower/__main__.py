"""The sidecar of an edge task: follows the control table and writes nginx's flag file."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import boto3
from botocore.config import Config

from functions.mode_follower import flag_file
from functions.mode_follower.follower import POLL, ModeFollower, follower_of

# A look that hangs would be worse than one that fails: the next is two seconds away.
_QUICK = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1})


def task_id(given: str | None, metadata: str | None) -> str:
    """The id that is given, or of this ECS task, from the address of its metadata.

    Raises ValueError where neither says it: an acknowledgement that nobody expects is none.
    """
    if given:
        return given
    if not metadata:
        raise ValueError("'TASK_ID' should be set where Amazon ECS does not give the task's id")
    with urllib.request.urlopen(f"{metadata}/task", timeout=2) as answer:  # noqa: S310
        return json.load(answer)["TaskARN"].rpartition("/")[2]


def follow(follower: ModeFollower, stopping: Event, *, seconds: float) -> None:
    """Look every `seconds` until `stopping` is set."""
    while not stopping.is_set():
        follower.look(datetime.now(UTC))
        stopping.wait(seconds)


def main(stopping: Event, dynamodb: Any | None = None) -> None:
    """Serve until `stopping` is set. Raises KeyError for a variable that is missing."""
    table, run = os.environ["CONTROL_TABLE"], Path(os.environ["RUN"])
    metadata = os.environ.get("ECS_CONTAINER_METADATA_URI_V4")
    follower = follower_of(
        dynamodb or boto3.client("dynamodb", config=_QUICK),
        table,
        layer=os.environ["LAYER"],
        task_id=task_id(os.environ.get("TASK_ID"), metadata),
        obey=partial(flag_file.write, run),
    )
    follower.state = flag_file.last(run)  # of a sidecar before this one, in the same task
    follow(follower, stopping, seconds=POLL.total_seconds())


if __name__ == "__main__":
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, lambda *_: stop.set())
    main(stop)

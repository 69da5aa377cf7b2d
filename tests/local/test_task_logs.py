"""What a one-off task prints is read in its log stream, as `mainstay database` reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.desired_state import Container, Task
from local.running_task import log_of
from local.task_logs import TaskLogs

REGION, GROUP = "us-east-1", "functions"
TASK = Task(
    arn=f"arn:aws:ecs:{REGION}:111122223333:task/operations/0123456789abcdef",
    region=REGION,
    cluster="operations",
    service=None,
    containers=(
        Container(
            name="operations",
            image="i",
            command=(),
            variables={},
            ports=(),
            mounts={},
            stop_seconds=30,
            log=(GROUP, "operations"),
        ),
    ),
    registrations=(),
)


@pytest.fixture
def logs() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("logs", region_name=REGION)
        client.create_log_group(logGroupName=GROUP)
        yield client


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the task's container prints."""
    path = log_of(tmp_path, REGION, None, TASK.id, "operations")
    path.parent.mkdir()
    return path


def read(logs: Any) -> list[str]:
    stream = f"operations/operations/{TASK.id}"
    found = logs.get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True)
    return [event["message"] for event in found["events"]]


def test_each_line_is_sent_once_and_the_last_one_when_the_task_has_ended(
    logs: Any, file: Path, tmp_path: Path
):
    sender = TaskLogs(lambda *_: logs, tmp_path)
    sender.send(TASK)  # nothing is printed yet, and there is no stream
    with file.open("a") as printed:
        printed.write('{"one": 1}\n{"two"')
        printed.flush()
        sender.send(TASK)
        assert read(logs) == ['{"one": 1}']
        printed.write(": 2}\n\nthe answer")
    sender.send(TASK)
    sender.send(TASK, ended=True)
    sender.send(TASK, ended=True)
    assert read(logs) == ['{"one": 1}', '{"two": 2}', "the answer"]


def test_many_lines_are_sent_in_the_calls_that_the_api_takes(logs: Any, file: Path, tmp_path: Path):
    lines = [str(number) for number in range(2_500)]
    file.write_text("\n".join(lines))
    TaskLogs(lambda *_: logs, tmp_path).send(TASK, ended=True)
    assert read(logs) == lines

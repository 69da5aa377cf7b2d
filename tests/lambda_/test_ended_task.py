"""Why a one-off task failed: by its containers, and by what it printed last."""

from __future__ import annotations

import json
import time
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from functions.ended_task.reason import failure, not_started

GROUP, STREAM = "a-group", "operations/operations/0123"
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"


@pytest.fixture
def logs(ecs) -> Any:
    """Amazon CloudWatch Logs of an account where the task's definition sends its lines."""
    client = boto3.client("logs", region_name="us-east-1")
    client.create_log_group(logGroupName=GROUP)
    options = {"awslogs-group": GROUP, "awslogs-stream-prefix": "operations"}
    configuration: Any = {"logDriver": "awslogs", "options": options}
    ecs.register_task_definition(
        family="operations",
        containerDefinitions=[
            {"name": "operations", "image": "i", "memory": 1, "logConfiguration": configuration},
            {"name": "silent", "image": "i", "memory": 1},
        ],
    )
    return client


def printed(logs: Any, *lines: str) -> None:
    logs.create_log_stream(logGroupName=GROUP, logStreamName=STREAM)
    now = int(time.time() * 1_000)
    events = [{"timestamp": now + n, "message": line} for n, line in enumerate(lines)]
    logs.put_log_events(logGroupName=GROUP, logStreamName=STREAM, logEvents=events)


def task(*containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "taskArn": "arn:aws:ecs:us-east-1:123456789012:task/c/0123",
        "taskDefinitionArn": "operations",
        "stoppedReason": "Essential container in task exited",
        "stopCode": "EssentialContainerExited",
        "containers": list(containers),
        **more,
    }


def test_a_container_that_ran_out_of_memory_says_so_and_what_it_did_last(ecs, logs):
    printed(logs, "COPY account", "CHECKSUM login", " ")
    found = task({"name": "operations", "exitCode": 137, "reason": OUT_OF_MEMORY})
    assert failure(found, ecs=ecs, logs=logs) == (
        f"container operations exited with 137 ({OUT_OF_MEMORY}); its last line: CHECKSUM login; "
        "Essential container in task exited (EssentialContainerExited); task 0123"
    )


def test_an_operation_s_own_failure_is_in_words(ecs, logs):
    printed(logs, json.dumps({"command": "halt", "failed": "DeclinedError", "reason": "B lags"}))
    why = failure(task({"name": "operations", "exitCode": 1}), ecs=ecs, logs=logs)
    assert "exited with 1; its last line: DeclinedError: B lags; Essential" in why


def test_an_image_that_cannot_be_pulled_is_the_reason_and_nothing_is_waited_for(ecs, logs):
    def wait(_: float) -> None:
        pytest.fail("a container that never ran has no lines")

    why = "CannotPullContainerError: pull image manifest has been retried 1 time(s)"
    found = task(
        {"name": "operations", "reason": why}, stopCode="TaskFailedToStart", stoppedReason="Stopped"
    )
    assert failure(found, ecs=ecs, logs=logs, pause=wait) == (
        f"container operations never ran ({why}); Stopped (TaskFailedToStart); task 0123"
    )


def test_a_container_that_ended_well_is_not_named_and_one_without_a_log_has_no_line(ecs, logs):
    found = task({"name": "operations", "exitCode": 0}, {"name": "silent", "exitCode": 3})
    assert failure(found, ecs=ecs, logs=logs).startswith(
        "container silent exited with 3; Essential"
    )


def test_a_line_that_comes_late_is_waited_for(ecs, logs):
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 2:
            printed(logs, "KeyError: 'DATABASE_NAME'")

    found = task({"name": "operations", "exitCode": 1})
    assert "last line: KeyError: 'DATABASE_NAME';" in failure(found, ecs=ecs, logs=logs, pause=wait)
    assert len(waited) == 2


def test_a_container_that_printed_nothing_says_where_that_would_be(ecs, logs):
    waited: list[float] = []
    found = task({"name": "operations", "exitCode": 1})
    why = failure(found, ecs=ecs, logs=logs, pause=waited.append)
    assert f"its last line: none in {GROUP}, stream {STREAM}" in why
    assert 0 < sum(waited) <= 6


def test_a_log_that_may_not_be_read_hides_nothing_else(ecs, logs, monkeypatch):
    def refuse(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetLogEvents")

    monkeypatch.setattr(logs, "get_log_events", refuse)
    why = failure(task({"name": "operations", "exitCode": 137}), ecs=ecs, logs=logs)
    assert "container operations exited with 137" in why
    assert "AccessDeniedException" in why


def test_its_length_is_bounded(ecs, logs):
    printed(logs, 10_000 * "x")
    found = task({"name": "operations", "exitCode": 1}, stoppedReason=5_000 * "y")
    assert len(failure(found, ecs=ecs, logs=logs)) < 900


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"failures": [{"arn": "a", "reason": "RESOURCE:ENI"}]}, "RESOURCE:ENI"),
        (
            {"failures": [{"reason": "AGENT", "detail": "is gone"}, {"reason": "MISSING"}]},
            "AGENT: is gone; MISSING",
        ),
        ({"failures": []}, "no reason given"),
        ({"failures": [{"arn": "a"}]}, "no reason given"),
    ],
)
def test_a_task_that_was_not_started_says_why(answer, why):
    assert not_started(answer) == f"Amazon ECS started no task: {why}"

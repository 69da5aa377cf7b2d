"""Says why a one-off task failed, in one line: container, exit code, memory, its own last line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

# Of the client of Amazon CloudWatch Logs: whoever handles a failure cannot wait long for its words.
QUICKLY = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 2})
# Characters. Together they stay under what a plan, an e-mail and CloudFormation take.
_LINE_MAX, _STOPPED_MAX = 300, 200
# Amazon CloudWatch Logs may have a line some seconds after the task has stopped.
_ATTEMPTS, _PAUSE_SECONDS = 4, 2.0
_LAST_EVENTS = 20  # of which some may be empty lines


def failure(
    task: dict[str, Any], *, ecs: Any, logs: Any, pause: Callable[[float], None] = time.sleep
) -> str:
    """Return why a task, as DescribeTasks has it, failed, or how far it is if it still runs.

    Never raises for a log that cannot be read: the text says so instead. Waits up to six seconds
    for the first line of a container that ran.
    """
    failed = [each for each in task.get("containers", ()) if each.get("exitCode") != 0]
    parts: list[str] = []
    for container in failed:
        parts.append(_end(container))
        if line := _last_line(task, container, ecs=ecs, logs=logs, pause=pause):
            parts.append(f"its last line: {line}")
    stopped = (task.get("stoppedReason") or f"its status is {task['lastStatus']}")[:_STOPPED_MAX]
    code = task.get("stopCode")
    parts.append(f"{stopped} ({code})" if code else stopped)
    parts.append(f"task {_id(task)}")
    return "; ".join(parts)


def not_started(answer: dict[str, Any]) -> str:
    """Return why Amazon ECS started no task, from the answer of RunTask."""
    failures = answer.get("failures") or [{"reason": "no reason given"}]
    why = (": ".join(filter(None, (f.get("reason"), f.get("detail")))) for f in failures)
    return f"Amazon ECS started no task: {'; '.join(each or 'no reason given' for each in why)}"


def _end(container: dict[str, Any]) -> str:
    code, why = container.get("exitCode"), container.get("reason")
    ended = f"exited with {code}"
    if code is None:
        ended = "still runs" if _runs(container) else "never ran"
    return f"container {container['name']} {ended}" + (f" ({why})" if why else "")


def _runs(container: dict[str, Any]) -> bool:
    return container.get("lastStatus") == "RUNNING"


def _id(task: dict[str, Any]) -> str:
    return task["taskArn"].rpartition("/")[2]


def _last_line(
    task: dict[str, Any],
    container: dict[str, Any],
    *,
    ecs: Any,
    logs: Any,
    pause: Callable[[float], None],
) -> str | None:
    """Return the last line that a container printed, None where it never ran or has no log."""
    if container.get("exitCode") is None and not _runs(container):
        return None
    try:
        where = _stream(task, container["name"], ecs)
        if where is None:
            return None
        for attempt in range(_ATTEMPTS):
            if attempt:
                pause(_PAUSE_SECONDS)
            for line in _lines(logs, where):
                return _readable(line)[:_LINE_MAX]
    except (ClientError, BotoCoreError) as error:
        return f"unknown, for {str(error)[:_LINE_MAX]}"
    return f"none in {where['logGroupName']}, stream {where['logStreamName']}"


def _stream(task: dict[str, Any], container: str, ecs: Any) -> dict[str, str] | None:
    """Return where a container's lines are, None where its definition does not send them there."""
    definition = ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"])
    for each in definition["taskDefinition"]["containerDefinitions"]:
        options = each.get("logConfiguration", {}).get("options", {})
        if each["name"] == container and "awslogs-group" in options:
            # prefix/container/task: Amazon ECS Developer Guide, "awslogs-stream-prefix".
            stream = f"{options['awslogs-stream-prefix']}/{container}/{_id(task)}"
            return {"logGroupName": options["awslogs-group"], "logStreamName": stream}
    return None


def _lines(logs: Any, where: dict[str, str]) -> Iterator[str]:
    """Yield a stream's latest lines that are not empty, the last one first."""
    try:
        found = logs.get_log_events(**where, limit=_LAST_EVENTS, startFromHead=False)["events"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return  # nothing was printed yet
    for event in reversed(found):
        if line := event["message"].strip():
            yield line


def _readable(line: str) -> str:
    """Return an operation's own failure as words; any other line as it is."""
    try:
        value = json.loads(line)
    except ValueError:
        return line
    if isinstance(value, dict) and "failed" in value:
        return f"{value['failed']}: {value.get('reason', '')}"
    return line

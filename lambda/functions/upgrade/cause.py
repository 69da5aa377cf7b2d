"""Turns the error that a state caught into a reason that a person reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.ended_task.reason import failure, not_started
from functions.upgrade import operations
from functions.upgrade.plan import Plan
from functions.upgrade.site import Site

# Characters: of the plan, of the journal and of the notice.
_MAX = 1_200


def reason_of(
    error: dict[str, Any], site: Site, plan: Plan, *, pause: Callable[[float], None]
) -> str:
    """Return the error's name, and a function's own message or the end of an operation's task.

    `error` is Step Functions' {"Error", "Cause"}, and the command of an operation. The cause of a
    failed task is its description in PascalCase (AWS Step Functions Developer Guide, "Run an
    Amazon ECS or Fargate task"); a timeout has none, so the task is looked for.
    """
    name, operation = error.get("Error", "unknown"), error.get("Operation")
    where = f"{name} in `{operation}`" if operation else name
    why = _cause(str(error.get("Cause") or ""), site, pause)
    if operation and name == "States.Timeout":
        why = "; ".join(filter(None, (why, _last_task(site, plan, pause))))
    return f"{where}: {why}"[:_MAX]


def _cause(cause: str, site: Site, pause: Callable[[float], None]) -> str:
    try:
        answer = json.loads(cause)
    except ValueError:
        return cause
    match answer:
        case {"errorMessage": str(message)}:
            return message
        case {"TaskArn": str(), "TaskDefinitionArn": str()}:
            return _failure(_camel(answer), site, pause)
        case {"Failures": [*_]}:
            return not_started(_camel(answer))
    return cause


def _last_task(site: Site, plan: Plan, pause: Callable[[float], None]) -> str:
    try:
        found = max(operations.tasks(site, plan), key=lambda each: each["createdAt"], default=None)
    except (ClientError, BotoCoreError) as error:
        return f"its task is unknown, for {error}"  # going back or stopping does not wait for it
    return _failure(found, site, pause) if found else "it has no task"


def _failure(task: dict[str, Any], site: Site, pause: Callable[[float], None]) -> str:
    ecs, logs = (site.client(name, site.primary.region) for name in ("ecs", "logs"))
    return failure(task, ecs=ecs, logs=logs, pause=pause)


def _camel(value: Any) -> Any:
    """Return Step Functions' names as those of the API: TaskArn is taskArn."""
    if isinstance(value, dict):
        return {name[:1].lower() + name[1:]: _camel(each) for name, each in value.items()}
    return [_camel(each) for each in value] if isinstance(value, list) else value

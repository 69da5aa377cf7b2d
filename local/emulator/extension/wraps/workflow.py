"""State machines: whether they are traced, and how a task that they wait for has ended."""

from __future__ import annotations

import json
from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.registry import Made, Properties
from local.emulator.extension.wraps.around import after

_LOOK_SECONDS = 0.25
_LONGEST_SECONDS = 7_200  # a state has a bound of its own, and most are shorter


def install() -> None:
    after("AWS::StepFunctions::StateMachine", _keep)
    _fail_with_the_task(inside.service("stepfunctions"))


def _keep(made: Made, old: Properties, new: Properties) -> None:
    given = new.get("TracingConfiguration") or {}
    enabled = str(given.get("Enabled", False)).lower() == "true"
    record = inside.service("stepfunctions")._state_machines[made.physical_id]
    record["tracingConfiguration"] = {"enabled": enabled}


def _fail_with_the_task(states: Any) -> None:
    """`ecs:runTask.sync` has the task as its output, and fails where an essential container did.

    AWS gets an event when the task has ended; here it is polled four times a second.

    AWS Step Functions Developer Guide, "Run an Amazon ECS or Fargate task": the state fails with
    States.TaskFailed, and its cause is the task.
    """

    def polled(cluster: str, arns: list[str]) -> Any:
        tasks = [_pascal(task) for task in _ended(states, cluster, arns)]
        for task in tasks:
            codes = [container.get("ExitCode") for container in task["Containers"]]
            if any(code != 0 for code in codes):
                raise states._ExecutionError("States.TaskFailed", json.dumps(task, default=str))
        return tasks[0] if len(tasks) == 1 else {"Tasks": tasks}

    states._poll_ecs_tasks = polled


def _ended(states: Any, cluster: str, arns: list[str]) -> list[dict[str, Any]]:
    for _ in range(round(_LONGEST_SECONDS / _LOOK_SECONDS)):
        states._scaled_sleep(_LOOK_SECONDS)
        *_, body = inside.service("ecs")._describe_tasks({"cluster": cluster, "tasks": arns})
        tasks = json.loads(body).get("tasks", [])
        if tasks and all(task["lastStatus"] == "STOPPED" for task in tasks):
            return tasks
    raise states._ExecutionError("States.Timeout", f"{arns} do not end")


def _pascal(value: Any) -> Any:
    if isinstance(value, dict):
        return {key[:1].upper() + key[1:]: _pascal(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_pascal(inner) for inner in value]
    return value

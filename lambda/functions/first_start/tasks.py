"""One-off tasks of Amazon ECS, run until each has ended well."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.ended_task import reason

# A task takes half a minute to start; asking costs nothing that matters.
_POLL_SECONDS = 2.0
# What a call may fail with for a while: the role's permissions are not known everywhere yet, or
# everybody is throttled. What fails for good is in the reason at the deadline.
_NOT_YET = (BotoCoreError, ClientError)
# Between two attempts: the servers that a task looks for may still be starting.
_PAUSE_SECONDS = 5.0


class NotStartedError(RuntimeError):
    """A command did not end well in the time that there is; the message has its last failure."""


class Runner:
    """Runs one container's command in a task of its own and waits for its end."""

    def __init__(
        self,
        ecs: Any,
        logs: Any,
        *,
        cluster: str,
        task_definition: str,
        container: str,
        subnets: Sequence[str],
        security_group: str,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ecs, self._logs = ecs, logs
        self._cluster = cluster
        self._task_definition = task_definition
        self._container = container
        self._network = {
            "subnets": list(subnets),
            "securityGroups": [security_group],
            "assignPublicIp": "DISABLED",
        }
        self.sleep = sleep

    def run(self, command: Sequence[str], *, deadline: float) -> str | None:
        """None when the command ended with 0, else what went wrong."""
        container = {"name": self._container, "command": list(command)}
        try:
            answer = self._ecs.run_task(
                cluster=self._cluster,
                taskDefinition=self._task_definition,
                launchType="FARGATE",
                networkConfiguration={"awsvpcConfiguration": self._network},
                overrides={"containerOverrides": [container]},
            )
        except _NOT_YET as error:
            return str(error)
        if not answer["tasks"]:
            return reason.not_started(answer)
        [task] = answer["tasks"]
        return self._ended(task["taskArn"], deadline)

    def _ended(self, arn: str, deadline: float) -> str | None:
        while True:
            task, state = self._look(arn)
            if task is not None and task["lastStatus"] == "STOPPED":
                break
            if time.monotonic() > deadline:
                return f"{arn} is {state} at the time limit"
            self.sleep(_POLL_SECONDS)
        codes = {one["name"]: one.get("exitCode") for one in task["containers"]}
        if codes.get(self._container) == 0:
            return None
        return reason.failure(task, ecs=self._ecs, logs=self._logs, pause=self.sleep)

    def _look(self, arn: str) -> tuple[dict[str, Any] | None, str]:
        """Return the task and its state; without a task, what was said instead of it."""
        try:
            answer = self._ecs.describe_tasks(cluster=self._cluster, tasks=[arn])
        except _NOT_YET as error:
            return None, str(error)
        if not answer["tasks"]:  # one that was started a moment ago may not be known yet
            return None, "; ".join(each["reason"] for each in answer.get("failures", ()))
        [task] = answer["tasks"]
        return task, task["lastStatus"]


def run_all(runner: Runner, commands: Sequence[Sequence[str]], *, deadline: float) -> None:
    """Run each command in order, again after a failure: every one may be run again.

    Raises NotStartedError at the deadline (of time.monotonic) with the last failure.
    """
    for command in commands:
        while (failure := runner.run(command, deadline=deadline)) is not None:
            print(json.dumps({"command": list(command), "failed": failure}))
            if time.monotonic() + _PAUSE_SECONDS > deadline:
                raise NotStartedError(f"{' '.join(command)}: {failure}")
            runner.sleep(_PAUSE_SECONDS)
        print(json.dumps({"command": list(command), "done": True}))

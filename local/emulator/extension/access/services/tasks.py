"""ECS starts a task: by its execution role, and hands over the session of its task role.

ECS Developer Guide, "Amazon ECS task execution IAM role".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.access import judge, sessions
from local.emulator.extension.access.actions.messages import secret_checks
from local.emulator.extension.access.checks import Check
from local.iam.verdict import Principal

_ECS = "ecs-tasks.amazonaws.com"
_PULL = ("BatchCheckLayerAvailability", "GetDownloadUrlForLayer", "BatchGetImage")


def install() -> None:
    """Nothing stands behind it: the agent asks when it starts a task."""


def started(task_arn: str) -> Principal | None:
    """Judge what the start of a task needs; return its own session, None where it has no role.

    Raises RefusedError, as the task would not start.
    """
    ecs = inside.service("ecs")
    place, name = task_arn.split(":")[3], task_arn.rpartition("/")[2]
    with inside.responses.request_scope(task_arn.split(":")[4], place):
        task = ecs._tasks[task_arn]
        definition = ecs._task_defs[task["taskDefinitionArn"].rpartition("/")[2]]
        given = {**definition, **task.get("overrides", {})}
        execution, own = given.get("executionRoleArn"), given.get("taskRoleArn")
        if execution:
            who = sessions.assume(execution, _ECS, name, task_arn)
            for container in definition["containerDefinitions"]:
                judge.need(who, _of_container(container, place, name))
        return sessions.assume(own, _ECS, name, task_arn) if own else None


def _of_container(container: dict[str, Any], place: str, task: str) -> Iterator[Check]:
    account = inside.account()
    image = container["image"]
    if f".dkr.ecr.{place}." in image:
        repository = image.partition("/")[2].partition(":")[0].partition("@")[0]
        yield Check("ecr:GetAuthorizationToken", "*")
        for action in _PULL:
            yield Check(f"ecr:{action}", f"arn:aws:ecr:{place}:{account}:repository/{repository}")
    logs = container.get("logConfiguration") or {}
    if logs.get("logDriver") == "awslogs":
        options = logs["options"]
        stream = f"{options.get('awslogs-stream-prefix', task)}/{container['name']}/{task[:8]}"
        at = f"arn:aws:logs:{options.get('awslogs-region', place)}:{account}"
        for action in ("CreateLogStream", "PutLogEvents"):
            group = options["awslogs-group"]
            yield Check(f"logs:{action}", f"{at}:log-group:{group}:log-stream:{stream}")
    for secret in container.get("secrets") or ():
        arn = ":".join(secret["valueFrom"].split(":")[:7])
        yield from secret_checks("secretsmanager:GetSecretValue", arn)

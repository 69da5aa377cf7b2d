"""ECS, and who may hand a role to a task."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.access.asked import AskedOperation
from local.emulator.extension.access.checks import Check, Checks, each, service

_ANYWHERE = {"DescribeTaskDefinition", "DeregisterTaskDefinition", "ListTaskDefinitions"}
_OF_TASKS = {"DescribeTasks": "tasks", "StopTask": "task"}
_ROLES = ("taskRoleArn", "executionRoleArn")


@service("ecs")
def ecs(asked: AskedOperation) -> Checks | None:
    members, operation = asked.members, asked.operation
    if operation in _ANYWHERE:
        return [Check(asked.action, "*")]
    cluster = _arn(asked, "cluster", members.get("cluster", "default"))
    if operation in _OF_TASKS:
        named = members[_OF_TASKS[operation]]
        tasks = [named] if isinstance(named, str) else named
        name = cluster.rpartition("/")[2]
        arns = [task if ":" in task else asked.arn(f"task/{name}/{task}") for task in tasks]
        return each(asked.action, arns, {"ecs:cluster": cluster})
    if operation == "ListTasks":
        return [Check(asked.action, "*", {"ecs:cluster": cluster})]
    if operation in ("DescribeServices", "UpdateService"):
        names = members.get("services") or [members["service"]]
        name = cluster.rpartition("/")[2]
        arns = [one if ":" in one else asked.arn(f"service/{name}/{one}") for one in names]
        return each(asked.action, arns, {"ecs:cluster": cluster})
    if operation == "RegisterTaskDefinition":
        family = asked.arn(f"task-definition/{members['family']}:*")
        return [Check(asked.action, family), *passing(members)]
    if operation == "RunTask":
        return run_task(asked.arn, members)
    return None


def run_task(arn: Any, members: dict[str, Any]) -> Iterator[Check]:
    """Yield what starting a task needs: it, and the roles that it acts by."""
    name = members["taskDefinition"]
    described = inside.service("ecs")._describe_task_definition({"taskDefinition": name})
    found = json.loads(described[2]).get("taskDefinition")
    definition = found or {"taskDefinitionArn": name}
    cluster = members.get("cluster", "default")
    context = {
        "ecs:cluster": cluster if ":" in cluster else arn(f"cluster/{cluster}", service="ecs")
    }
    yield Check("ecs:RunTask", definition["taskDefinitionArn"], context)
    yield from passing({**definition, **_overridden(members)})


def _overridden(members: dict[str, Any]) -> dict[str, Any]:
    overrides = members.get("overrides", {})
    return {name: overrides[name] for name in _ROLES if name in overrides}


def passing(given: dict[str, Any], to: str = "ecs-tasks.amazonaws.com") -> Iterable[Check]:
    """Yield the right to hand each role of a definition to the service that acts by it."""
    roles = dict.fromkeys(given[name] for name in _ROLES if given.get(name))
    return [Check("iam:PassRole", role, {"iam:passedtoservice": to}) for role in roles]


def _arn(asked: AskedOperation, kind: str, name: str) -> str:
    return name if ":" in name else asked.arn(f"{kind}/{name}")

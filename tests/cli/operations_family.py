"""The task family of the operations in moto, whose lines go to a log group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_SIZE: dict[str, Any] = {"cpu": 256, "memory": 512}  # moto counts with the container's too


def register_operations(client: Callable[[str], Any], *, family: str, group: str) -> None:
    """Make log group and family, by clients of one Region."""
    client("logs").create_log_group(logGroupName=group)
    options = {"awslogs-group": group, "awslogs-stream-prefix": "operations"}
    log = {"logDriver": "awslogs", "options": options}
    client("ecs").register_task_definition(
        family=family,
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        **{name: str(value) for name, value in _SIZE.items()},
        containerDefinitions=[
            {"name": "operations", "image": "i", **_SIZE, "logConfiguration": log}
        ],
    )

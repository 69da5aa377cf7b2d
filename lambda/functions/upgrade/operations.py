"""Finds an upgrade's own one-off tasks, which run its operations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from functions.upgrade.plan import Plan
from functions.upgrade.site import Site


def tasks(site: Site, plan: Plan) -> Iterator[dict[str, Any]]:
    """Yield every task of the upgrade that ECS still knows: for an hour after it has stopped."""
    ecs = site.client("ecs", site.primary.region)
    cluster, family = site.operations.cluster, site.operations.family
    listed = [
        arn
        for wanted in ("RUNNING", "STOPPED")  # what was asked to stop may run for a while
        for page in ecs.get_paginator("list_tasks").paginate(
            cluster=cluster, family=family, desiredStatus=wanted
        )
        for arn in page["taskArns"]
    ]
    for index in range(0, len(listed), 100):  # the most that one call describes
        some = listed[index : index + 100]
        for task in ecs.describe_tasks(cluster=cluster, tasks=some)["tasks"]:
            if task.get("group") == f"upgrade:{plan.upgrade}":
                yield task

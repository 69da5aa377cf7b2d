"""What an agent reports of a task: that it runs, or that it ended and how its containers did."""

from __future__ import annotations

from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.apis.server import Api, ApiError

API = Api("ecs")

_REASON = "Essential container in task exited"


@API.operation
def submit_task_state_change(request: dict[str, Any]) -> dict[str, str]:
    """The emulator acknowledges such a report and drops it; a task would stay as it is for ever."""
    ecs = inside.service("ecs")
    task = ecs._resolve_task(request["task"], ecs._resolve_cluster_name(request["cluster"]))
    if task is None:
        raise ApiError("InvalidParameterException", f"no task {request['task']}")
    reported = {one["containerName"]: one for one in request.get("containers", ())}
    for container in task["containers"]:
        one = reported.get(container["name"], {})
        if "exitCode" in one:
            container["exitCode"] = one["exitCode"]
        if "reason" in one:
            container["reason"] = one["reason"]
    if request.get("status") == "RUNNING":
        _runs(ecs, task)
    elif request.get("status") == "STOPPED":
        reason = request.get("reason") or _REASON
        ecs._mark_task_stopped(task["taskArn"], task, reason, "EssentialContainerExited")
    return {"acknowledgment": "ACCEPT"}


def _runs(ecs: Any, task: dict[str, Any]) -> None:
    """The last of a deployment's tasks completes it, and ends those of the one before."""
    if not ecs._mark_task_running(task["taskArn"], task):
        return
    task["_startup_stable"] = True
    cluster = ecs._cluster_name_from_arn(task["clusterArn"])
    kind, _, service = task["group"].partition(":")
    if kind == "service":
        ecs._complete_service_deployment(cluster, f"{cluster}/{service}")

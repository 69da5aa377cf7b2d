"""Services and task definitions: the properties that the emulator's handlers do not read, and
tasks that run once the agent reports them.

Without Docker the emulator calls a service's new tasks running, and so its deployment complete,
before anything runs. Here they are PENDING until the agent reports (apis/ecs.py); until then the
tasks of the deployment before stay, as AWS has it.
"""

from __future__ import annotations

from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.client import client
from local.emulator.extension.registry import Made, Properties
from local.emulator.extension.wraps.around import after


def install() -> None:
    after("AWS::ECS::Service", _complete_service)
    after("AWS::ECS::TaskDefinition", _complete_task_definition)
    ecs = inside.service("ecs")
    ecs._run_task = _waiting_for_the_agent(ecs, ecs._run_task)


def _waiting_for_the_agent(ecs: Any, run: Any) -> Any:
    """In place of the function that the emulator starts a service's tasks by."""

    def started(request: dict[str, Any]) -> Any:
        before = set(ecs._tasks)
        answer = run(request)
        for arn in set(ecs._tasks) - before:
            task = ecs._tasks[arn]
            if task["group"].startswith("service:"):
                task.update(lastStatus="PENDING", startedAt=None, _startup_stable=False)
        return answer

    return started


# Property -> the member of the service's record, and what it is without the property.
_SERVICE = {
    "AvailabilityZoneRebalancing": ("availabilityZoneRebalancing", "DISABLED"),
    "DeploymentController": ("deploymentController", {"Type": "ECS"}),
    "EnableECSManagedTags": ("enableECSManagedTags", False),
    "EnableExecuteCommand": ("enableExecuteCommand", False),
    "HealthCheckGracePeriodSeconds": ("healthCheckGracePeriodSeconds", 0),
    "PlatformVersion": ("platformVersion", "LATEST"),
    "PropagateTags": ("propagateTags", "NONE"),
}


def _complete_service(made: Made, old: Properties, new: Properties) -> None:
    cluster, name = made.physical_id.split("/")[-2:]
    record = inside.service("ecs")._services[f"{cluster}/{name}"]
    camel = inside.provisioners._pascal_to_camel
    for prop, (member, default) in _SERVICE.items():
        record[member] = camel(new.get(prop, default))
    forced = _force(new)
    if old and forced is not None and forced != _force(old):
        # A new nonce starts a deployment although nothing else has changed. CloudFormation sends
        # the whole service: a family becomes its newest revision.
        client("ecs").update_service(
            cluster=cluster,
            service=name,
            taskDefinition=new["TaskDefinition"],
            forceNewDeployment=True,
        )


def _force(properties: Properties) -> Any:
    force = properties.get("ForceNewDeployment") or {}
    if str(force.get("EnableForceNewDeployment")).lower() != "true":
        return None
    return force.get("ForceNewDeploymentNonce")


def _complete_task_definition(made: Made, old: Properties, new: Properties) -> None:
    record = inside.service("ecs")._task_defs[made.physical_id.rpartition("/")[2]]
    for container in record["containerDefinitions"]:
        container.setdefault("cpu", 0)  # as RegisterTaskDefinition has it
    camel = inside.provisioners._pascal_to_camel
    for prop, member in (
        ("RuntimePlatform", "runtimePlatform"),
        ("EphemeralStorage", "ephemeralStorage"),
        ("ProxyConfiguration", "proxyConfiguration"),
    ):
        if prop in new:
            record[member] = camel(new[prop])

"""Services and task definitions: the properties that the emulator's handlers do not read."""

from __future__ import annotations

from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.client import client
from local.emulator.extension.registry import Made, Properties
from local.emulator.extension.wraps.around import after


def install() -> None:
    after("AWS::ECS::Service", _complete_service)
    after("AWS::ECS::TaskDefinition", _complete_task_definition)


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
        # A new nonce starts a deployment although nothing else has changed.
        client("ecs").update_service(cluster=cluster, service=name, forceNewDeployment=True)


def _force(properties: Properties) -> Any:
    force = properties.get("ForceNewDeployment") or {}
    if str(force.get("EnableForceNewDeployment")).lower() != "true":
        return None
    return force.get("ForceNewDeploymentNonce")


def _complete_task_definition(made: Made, old: Properties, new: Properties) -> None:
    record = inside.service("ecs")._task_defs[made.physical_id.rpartition("/")[2]]
    camel = inside.provisioners._pascal_to_camel
    for prop, member in (
        ("RuntimePlatform", "runtimePlatform"),
        ("EphemeralStorage", "ephemeralStorage"),
        ("ProxyConfiguration", "proxyConfiguration"),
    ):
        if prop in new:
            record[member] = camel(new[prop])

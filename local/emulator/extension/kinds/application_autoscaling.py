"""AWS::ApplicationAutoScaling: targets and policies, kept behind their own API."""

from __future__ import annotations

from typing import Any

from local.emulator.extension.client import client
from local.emulator.extension.registry import Made, Naming, Properties, ResourceKind, kind
from local.emulator.extension.shapes import request
from local.emulator.extension.tags import as_map, change

_SERVICE = "application-autoscaling"


@kind("AWS::ApplicationAutoScaling::ScalableTarget")
class ScalableTarget(ResourceKind):
    """`Ref` is resource id, dimension and namespace, with a bar between them, as on AWS."""

    replaced_by = ("ResourceId", "ScalableDimension", "ServiceNamespace")

    def create(self, properties: Properties, naming: Naming) -> Made:
        self._register(properties)
        return self._made(properties)

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        self._register(new)
        arn = self._arn(new)
        if gone := change(old, new).gone:
            client(_SERVICE).untag_resource(ResourceARN=arn, TagKeys=gone)
        return self._made(new)

    def delete(self, physical_id: str, properties: Properties) -> None:
        client(_SERVICE).deregister_scalable_target(**_target(physical_id))

    def _register(self, properties: Properties) -> None:
        api = client(_SERVICE)
        given = {**properties, "Tags": as_map(properties)}
        arguments = request(api, "register_scalable_target", given, without=("ScheduledActions",))
        api.register_scalable_target(**arguments)
        for action in properties.get("ScheduledActions", ()):
            raise ValueError(f"'ScheduledActions' are not kept by the local target: {action}")

    def _arn(self, properties: Properties) -> str:
        found = client(_SERVICE).describe_scalable_targets(
            ServiceNamespace=properties["ServiceNamespace"],
            ResourceIds=[properties["ResourceId"]],
            ScalableDimension=properties["ScalableDimension"],
        )
        return found["ScalableTargets"][0]["ScalableTargetARN"]

    def _made(self, properties: Properties) -> Made:
        names = ("ResourceId", "ScalableDimension", "ServiceNamespace")
        physical_id = "|".join(properties[name] for name in names)
        return Made(physical_id, {"Id": physical_id})


@kind("AWS::ApplicationAutoScaling::ScalingPolicy")
class ScalingPolicy(ResourceKind):
    """Its target is given by id or by three properties; either way it is the API's three."""

    replaced_by = (
        "PolicyName", "ResourceId", "ScalableDimension", "ScalingTargetId", "ServiceNamespace",
    )  # fmt: skip

    def create(self, properties: Properties, naming: Naming) -> Made:
        arn = self._put(properties)
        return Made(arn, {"Arn": arn})

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        self._put(new)
        return Made(physical_id, {"Arn": physical_id})

    def delete(self, physical_id: str, properties: Properties) -> None:
        client(_SERVICE).delete_scaling_policy(
            PolicyName=properties["PolicyName"], **self._of(properties)
        )

    def _put(self, properties: Properties) -> str:
        api = client(_SERVICE)
        given = {**properties, **self._of(properties)}
        arguments = request(api, "put_scaling_policy", given, without=("ScalingTargetId",))
        return api.put_scaling_policy(**arguments)["PolicyARN"]

    def _of(self, properties: Properties) -> dict[str, Any]:
        if "ScalingTargetId" in properties:
            return _target(properties["ScalingTargetId"])
        names = ("ResourceId", "ScalableDimension", "ServiceNamespace")
        return {name: properties[name] for name in names}


def _target(physical_id: str) -> dict[str, str]:
    resource, dimension, namespace = physical_id.split("|")
    return {
        "ResourceId": resource,
        "ScalableDimension": dimension,
        "ServiceNamespace": namespace,
    }

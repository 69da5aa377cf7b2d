"""Application Auto Scaling: targets and policies, kept; a target's floor and ceiling are obeyed.

As on AWS, a service outside its target's capacity is brought inside it. What is not done: metrics
trigger no policy.
"""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from botocore.exceptions import ClientError

from local.emulator.extension import inside
from local.emulator.extension.apis.server import Api, ApiError
from local.emulator.extension.client import client

API = Api("application-autoscaling")
_targets = API.store()
_policies = API.store()
_tags = API.store()

_KEY = ("ServiceNamespace", "ResourceId", "ScalableDimension")


def _key(request: dict[str, Any]) -> tuple[str, ...]:
    return tuple(request[name] for name in _KEY)


def _arn(path: str) -> str:
    place = f"{inside.region()}:{inside.account()}"
    return f"arn:aws:application-autoscaling:{place}:{path}"


@API.operation
def register_scalable_target(request: dict[str, Any]) -> dict[str, Any]:
    key = _key(request)
    settings = {name: value for name, value in request.items() if name != "Tags"}
    known = _targets.get(key)
    if known is None:
        for bound in ("MinCapacity", "MaxCapacity"):
            if bound not in request:
                raise ApiError("ValidationException", f"'{bound}' should be given")
        known = {
            "ScalableTargetARN": _arn(f"scalable-target/{uuid.uuid4().hex[:16]}"),
            "RoleARN": _service_role(),
            "CreationTime": datetime.datetime.now(datetime.UTC),
            "SuspendedState": dict.fromkeys(_SUSPENDABLE, False),
        }
    target = {**known, **settings}
    if target["MinCapacity"] > target["MaxCapacity"]:
        raise ApiError("ValidationException", "'MinCapacity' should be at most 'MaxCapacity'")
    _bring_inside(target)
    _targets[key] = target
    if "Tags" in request:
        _tags.setdefault(target["ScalableTargetARN"], {}).update(request["Tags"])
    return {"ScalableTargetARN": target["ScalableTargetARN"]}


@API.operation
def describe_scalable_targets(request: dict[str, Any]) -> dict[str, Any]:
    return {"ScalableTargets": [t for t in _targets.values() if _asked_for(t, request)]}


@API.operation
def deregister_scalable_target(request: dict[str, Any]) -> None:
    key = _key(request)
    if key not in _targets:
        raise ApiError("ObjectNotFoundException", f"No scalable target found for {key}")
    _targets.pop(key)
    for arn, policy in _policies.items():
        if _key(policy) == key:
            _policies.pop(arn)


@API.operation
def put_scaling_policy(request: dict[str, Any]) -> dict[str, Any]:
    if _key(request) not in _targets:
        raise ApiError("ObjectNotFoundException", f"No scalable target registered: {_key(request)}")
    known = next((p for p in _policies.values() if _same_policy(p, request)), None) or {
        "PolicyARN": _policy_arn(request),
        "PolicyType": "StepScaling",
        "Alarms": [],
        "CreationTime": datetime.datetime.now(datetime.UTC),
    }
    _policies[known["PolicyARN"]] = {**known, **request}
    return {"PolicyARN": known["PolicyARN"], "Alarms": known["Alarms"]}


@API.operation
def describe_scaling_policies(request: dict[str, Any]) -> dict[str, Any]:
    names = request.get("PolicyNames")
    return {
        "ScalingPolicies": [
            policy
            for policy in _policies.values()
            if _asked_for(policy, request) and (not names or policy["PolicyName"] in names)
        ]
    }


@API.operation
def delete_scaling_policy(request: dict[str, Any]) -> None:
    for arn, policy in _policies.items():
        if _same_policy(policy, request):
            _policies.pop(arn)
            return
    raise ApiError("ObjectNotFoundException", f"No scaling policy: {request['PolicyName']}")


@API.operation
def tag_resource(request: dict[str, Any]) -> None:
    _tags.setdefault(request["ResourceARN"], {}).update(request["Tags"])


@API.operation
def untag_resource(request: dict[str, Any]) -> None:
    for key in request["TagKeys"]:
        _tags.get(request["ResourceARN"], {}).pop(key, None)


@API.operation
def list_tags_for_resource(request: dict[str, Any]) -> dict[str, Any]:
    return {"Tags": _tags.get(request["ResourceARN"], {})}


_SUSPENDABLE = (
    "DynamicScalingInSuspended",
    "DynamicScalingOutSuspended",
    "ScheduledScalingSuspended",
)


def _asked_for(item: dict[str, Any], request: dict[str, Any]) -> bool:
    ids = request.get("ResourceIds") or ([request["ResourceId"]] if "ResourceId" in request else [])
    return (
        item["ServiceNamespace"] == request["ServiceNamespace"]
        and (not ids or item["ResourceId"] in ids)
        and request.get("ScalableDimension") in (None, item["ScalableDimension"])
    )


def _same_policy(policy: dict[str, Any], request: dict[str, Any]) -> bool:
    return _key(policy) == _key(request) and policy["PolicyName"] == request["PolicyName"]


def _policy_arn(request: dict[str, Any]) -> str:
    place = f"{inside.region()}:{inside.account()}"
    resource = f"resource/{request['ServiceNamespace']}/{request['ResourceId']}"
    return (
        f"arn:aws:autoscaling:{place}:scalingPolicy:{uuid.uuid4()}:{resource}"
        f":policyName/{request['PolicyName']}"
    )


def _service_role() -> str:
    role = "AWSServiceRoleForApplicationAutoScaling_ECSService"
    path = "aws-service-role/ecs.application-autoscaling.amazonaws.com"
    return f"arn:aws:iam::{inside.account()}:role/{path}/{role}"


def _bring_inside(target: dict[str, Any]) -> None:
    """An ECS service with too few or too many tasks gets the nearest count that is allowed."""
    if target["ScalableDimension"] != "ecs:service:DesiredCount":
        return
    _, cluster, service = target["ResourceId"].split("/")
    try:
        found = client("ecs").describe_services(cluster=cluster, services=[service])["services"]
    except ClientError:
        found = []
    if not found:
        raise ApiError("ValidationException", f"ECS service doesn't exist: {target['ResourceId']}")
    desired = found[0]["desiredCount"]
    allowed = min(max(desired, target["MinCapacity"]), target["MaxCapacity"])
    if allowed != desired:
        client("ecs").update_service(cluster=cluster, service=service, desiredCount=allowed)

"""Redshift's resource policies, which name the integrations that may write into a namespace."""

from __future__ import annotations

from typing import Any

from local.emulator.extension.apis.server import Api, ApiError

API = Api("redshift")
_policies = API.store()


@API.operation
def put_resource_policy(request: dict[str, Any]) -> dict[str, Any]:
    _policies[request["ResourceArn"]] = request["Policy"]
    return {"ResourcePolicy": request}


@API.operation
def get_resource_policy(request: dict[str, Any]) -> dict[str, Any]:
    arn = request["ResourceArn"]
    if arn not in _policies:
        raise ApiError("ResourceNotFoundFault", f"{arn} has no policy", 404)
    return {"ResourcePolicy": {"ResourceArn": arn, "Policy": _policies[arn]}}


@API.operation
def delete_resource_policy(request: dict[str, Any]) -> None:
    _policies.pop(request["ResourceArn"], None)

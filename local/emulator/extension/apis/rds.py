"""Zero-ETL integrations: kept and described as active; nothing flows."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.apis.server import Api, ApiError

API = Api("rds")
_integrations = API.store()  # ARN -> integration


@API.operation
def create_integration(request: dict[str, Any]) -> dict[str, Any]:
    if any(i["IntegrationName"] == request["IntegrationName"] for i in _integrations.values()):
        raise ApiError("IntegrationAlreadyExistsFault", f"{request['IntegrationName']} exists")
    place = f"{inside.region()}:{inside.account()}"
    arn = f"arn:aws:rds:{place}:integration:{uuid.uuid4()}"
    _integrations[arn] = {
        **request,
        "IntegrationArn": arn,
        "Status": "active",
        "CreateTime": datetime.datetime.now(datetime.UTC),
    }
    return _integrations[arn]


@API.operation
def describe_integrations(request: dict[str, Any]) -> dict[str, Any]:
    wanted = request.get("IntegrationIdentifier")
    if wanted:
        return {"Integrations": [_found(request)]}
    return {"Integrations": _integrations.values()}


@API.operation
def modify_integration(request: dict[str, Any]) -> dict[str, Any]:
    found = _found(request)
    for name in ("IntegrationName", "DataFilter", "Description"):
        if name in request:
            found[name] = request[name]
    return found


@API.operation
def delete_integration(request: dict[str, Any]) -> dict[str, Any]:
    found = _found(request)
    _integrations.pop(found["IntegrationArn"])
    return {**found, "Status": "deleting"}


def _found(request: dict[str, Any]) -> dict[str, Any]:
    wanted = request["IntegrationIdentifier"]
    for arn, integration in _integrations.items():
        if wanted in (arn, integration["IntegrationName"]):
            return integration
    raise ApiError("IntegrationNotFoundFault", f"no integration '{wanted}'", 404)

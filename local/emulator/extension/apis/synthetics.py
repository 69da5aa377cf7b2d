"""Synthetics: canaries, kept and described, started and stopped; none ever runs."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from local.emulator.extension.apis.server import Api, ApiError

API = Api("synthetics")
_canaries = API.store()


@API.operation
def create_canary(request: dict[str, Any]) -> dict[str, Any]:
    name = request["Name"]
    if name in _canaries:
        raise ApiError("ConflictException", f"canary {name} exists", 409)
    now = datetime.datetime.now(datetime.UTC)
    made = {
        **_kept(request),
        "Id": str(uuid.uuid4()),
        "Status": {"State": "READY"},
        "Timeline": {"Created": now, "LastModified": now},
        "Tags": request.get("Tags", {}),
    }
    _canaries[name] = made
    return {"Canary": made}


@API.operation
def get_canary(request: dict[str, Any]) -> dict[str, Any]:
    return {"Canary": _found(request)}


@API.operation
def describe_canaries(request: dict[str, Any]) -> dict[str, Any]:
    wanted = request.get("Names")
    return {"Canaries": [c for c in _canaries.values() if not wanted or c["Name"] in wanted]}


@API.operation
def update_canary(request: dict[str, Any]) -> None:
    found = _found(request)
    found.update(_kept(request))
    found["Timeline"]["LastModified"] = datetime.datetime.now(datetime.UTC)


@API.operation
def start_canary(request: dict[str, Any]) -> None:
    _found(request)["Status"] = {"State": "RUNNING"}


@API.operation
def stop_canary(request: dict[str, Any]) -> None:
    _found(request)["Status"] = {"State": "STOPPED"}


@API.operation
def delete_canary(request: dict[str, Any]) -> None:
    if _found(request)["Status"]["State"] == "RUNNING":
        raise ApiError("ConflictException", "a canary that runs is stopped first", 409)
    _canaries.pop(request["Name"])


@API.operation
def tag_resource(request: dict[str, Any]) -> None:
    _of(request["ResourceArn"])["Tags"].update(request["Tags"])


@API.operation
def untag_resource(request: dict[str, Any]) -> None:
    for key in request["TagKeys"]:
        _of(request["ResourceArn"])["Tags"].pop(key, None)


def _kept(request: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in request.items() if name not in ("Tags", "Code")}
    if "Code" in request:
        kept["Code"] = {k: v for k, v in request["Code"].items() if k in ("Handler",)}
    return kept


def _of(arn: str) -> dict[str, Any]:
    return _found({"Name": arn.rpartition(":")[2]})


def _found(request: dict[str, Any]) -> dict[str, Any]:
    found = _canaries.get(request["Name"])
    if found is None:
        raise ApiError("ResourceNotFoundException", f"no canary '{request['Name']}'", 404)
    return found

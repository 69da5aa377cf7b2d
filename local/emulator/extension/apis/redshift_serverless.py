"""Redshift Serverless: namespaces and workgroups, kept and described; no warehouse runs."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.apis.server import Api, ApiError

API = Api("redshift-serverless")
_namespaces = API.store()
_workgroups = API.store()
_copies = API.store()
_tags = API.store()

_SECRET = ("adminUserPassword", "tags")


@API.operation
def create_namespace(request: dict[str, Any]) -> dict[str, Any]:
    name = request["namespaceName"]
    if name in _namespaces:
        raise ApiError("ConflictException", f"namespace {name} exists")
    identifier = str(uuid.uuid4())
    made = {
        **_kept(request),
        "namespaceId": identifier,
        "namespaceArn": _arn("namespace", identifier),
        "creationDate": datetime.datetime.now(datetime.UTC),
        "status": "AVAILABLE",
    }
    _namespaces[name] = made
    _put_tags(made["namespaceArn"], request)
    return {"namespace": made}


@API.operation
def get_namespace(request: dict[str, Any]) -> dict[str, Any]:
    return {"namespace": _found(_namespaces, request, "namespaceName")}


@API.operation
def list_namespaces(request: dict[str, Any]) -> dict[str, Any]:
    return {"namespaces": _namespaces.values()}


@API.operation
def update_namespace(request: dict[str, Any]) -> dict[str, Any]:
    found = _found(_namespaces, request, "namespaceName")
    found.update(_kept(request))
    return {"namespace": found}


@API.operation
def delete_namespace(request: dict[str, Any]) -> dict[str, Any]:
    found = _found(_namespaces, request, "namespaceName")
    if any(w["namespaceName"] == found["namespaceName"] for w in _workgroups.values()):
        raise ApiError("ConflictException", "a workgroup of the namespace is still there")
    _namespaces.pop(found["namespaceName"])
    return {"namespace": {**found, "status": "DELETING"}}


@API.operation
def create_workgroup(request: dict[str, Any]) -> dict[str, Any]:
    name = request["workgroupName"]
    if name in _workgroups:
        raise ApiError("ConflictException", f"workgroup {name} exists")
    _found(_namespaces, request, "namespaceName")
    identifier = str(uuid.uuid4())
    host = f"{name}.{inside.account()}.{inside.region()}.redshift-serverless.amazonaws.com"
    port = request.get("port", 5439)
    made = {
        **_kept(request),
        "workgroupId": identifier,
        "workgroupArn": _arn("workgroup", identifier),
        "creationDate": datetime.datetime.now(datetime.UTC),
        "status": "AVAILABLE",
        "endpoint": {"address": host, "port": port, "vpcEndpoints": []},
        "port": port,
    }
    _workgroups[name] = made
    _put_tags(made["workgroupArn"], request)
    return {"workgroup": made}


@API.operation
def get_workgroup(request: dict[str, Any]) -> dict[str, Any]:
    return {"workgroup": _found(_workgroups, request, "workgroupName")}


@API.operation
def list_workgroups(request: dict[str, Any]) -> dict[str, Any]:
    return {"workgroups": _workgroups.values()}


@API.operation
def update_workgroup(request: dict[str, Any]) -> dict[str, Any]:
    found = _found(_workgroups, request, "workgroupName")
    found.update(_kept(request))
    return {"workgroup": found}


@API.operation
def delete_workgroup(request: dict[str, Any]) -> dict[str, Any]:
    found = _found(_workgroups, request, "workgroupName")
    _workgroups.pop(found["workgroupName"])
    return {"workgroup": {**found, "status": "DELETING"}}


@API.operation
def create_snapshot_copy_configuration(request: dict[str, Any]) -> dict[str, Any]:
    _found(_namespaces, request, "namespaceName")
    identifier = str(uuid.uuid4())
    made = {
        **request,
        "snapshotCopyConfigurationId": identifier,
        "snapshotCopyConfigurationArn": _arn("snapshotcopyconfiguration", identifier),
    }
    _copies[identifier] = made
    return {"snapshotCopyConfiguration": made}


@API.operation
def list_snapshot_copy_configurations(request: dict[str, Any]) -> dict[str, Any]:
    wanted = request.get("namespaceName")
    found = [c for c in _copies.values() if wanted in (None, c["namespaceName"])]
    return {"snapshotCopyConfigurations": found}


@API.operation
def delete_snapshot_copy_configuration(request: dict[str, Any]) -> dict[str, Any]:
    found = _found(_copies, request, "snapshotCopyConfigurationId")
    _copies.pop(found["snapshotCopyConfigurationId"])
    return {"snapshotCopyConfiguration": found}


@API.operation
def tag_resource(request: dict[str, Any]) -> None:
    _put_tags(request["resourceArn"], request)


@API.operation
def untag_resource(request: dict[str, Any]) -> None:
    for key in request["tagKeys"]:
        _tags.get(request["resourceArn"], {}).pop(key, None)


@API.operation
def list_tags_for_resource(request: dict[str, Any]) -> dict[str, Any]:
    known = _tags.get(request["resourceArn"], {})
    return {"tags": [{"key": key, "value": value} for key, value in known.items()]}


def _kept(request: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in request.items() if name not in _SECRET}


def _put_tags(arn: str, request: dict[str, Any]) -> None:
    known = _tags.setdefault(arn, {})
    known.update({tag["key"]: tag["value"] for tag in request.get("tags", ())})


def _found(store: Any, request: dict[str, Any], name: str) -> dict[str, Any]:
    found = store.get(request[name])
    if found is None:
        raise ApiError("ResourceNotFoundException", f"no {name} '{request[name]}'")
    return found


def workgroup_arn(name: str) -> str:
    """Return the ARN of a workgroup, by its name."""
    return _found(_workgroups, {"workgroupName": name}, "workgroupName")["workgroupArn"]


def _arn(sort: str, identifier: str) -> str:
    place = f"{inside.region()}:{inside.account()}"
    return f"arn:aws:redshift-serverless:{place}:{sort}/{identifier}"

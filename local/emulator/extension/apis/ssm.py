"""Systems Manager's documents: kept with their versions and described; none is ever run."""

from __future__ import annotations

import datetime
from typing import Any

from local.emulator.extension.apis.server import Api, ApiError

API = Api("ssm")
_documents = API.store()  # name -> its versions, the last one the newest


@API.operation
def create_document(request: dict[str, Any]) -> dict[str, Any]:
    if request["Name"] in _documents:
        raise ApiError("DocumentAlreadyExists", f"{request['Name']} exists")
    _documents[request["Name"]] = [_version(request, 1)]
    return {"DocumentDescription": _documents[request["Name"]][0]}


@API.operation
def update_document(request: dict[str, Any]) -> dict[str, Any]:
    versions = _found(request)
    if versions[-1]["Content"] == request["Content"]:
        raise ApiError("DuplicateDocumentContent", "the content has not changed")
    kept = {k: v for k, v in versions[-1].items() if k in ("DocumentType", "TargetType", "Tags")}
    versions.append(_version({**kept, **request}, len(versions) + 1))
    return {"DocumentDescription": versions[-1]}


@API.operation
def update_document_default_version(request: dict[str, Any]) -> dict[str, Any]:
    for version in _found(request):
        version["DefaultVersion"] = request["DocumentVersion"]
    described = {"Name": request["Name"], "DefaultVersion": request["DocumentVersion"]}
    return {"Description": described}


@API.operation
def describe_document(request: dict[str, Any]) -> dict[str, Any]:
    return {"Document": _chosen(request)}


@API.operation
def get_document(request: dict[str, Any]) -> dict[str, Any]:
    return _chosen(request)


@API.operation
def list_documents(request: dict[str, Any]) -> dict[str, Any]:
    return {"DocumentIdentifiers": [versions[-1] for versions in _documents.values()]}


@API.operation
def delete_document(request: dict[str, Any]) -> None:
    _found(request)
    _documents.pop(request["Name"])


def _version(request: dict[str, Any], number: int) -> dict[str, Any]:
    defaults = {"DocumentType": "Command", "DocumentFormat": "JSON", "DefaultVersion": "1"}
    made = {name: value for name, value in request.items() if name != "DocumentVersion"}
    return {
        **defaults,
        **made,
        "DocumentVersion": str(number),
        "LatestVersion": str(number),
        "Status": "Active",
        "CreatedDate": datetime.datetime.now(datetime.UTC),
    }


def _found(request: dict[str, Any]) -> list[dict[str, Any]]:
    versions = _documents.get(request["Name"])
    if versions is None:
        raise ApiError("InvalidDocument", f"no document '{request['Name']}'")
    return versions


def _chosen(request: dict[str, Any]) -> dict[str, Any]:
    versions = _found(request)
    wanted = request.get("DocumentVersion", "$DEFAULT")
    if wanted == "$LATEST":
        return versions[-1]
    number = versions[-1]["DefaultVersion"] if wanted == "$DEFAULT" else wanted
    return versions[int(number) - 1]

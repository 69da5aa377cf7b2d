"""The clients and the tags of an identity provider, changed in place."""

from __future__ import annotations

from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.apis.server import Api, ApiError

API = Api("iam")


@API.operation
def add_client_id_to_open_id_connect_provider(request: dict[str, Any]) -> None:
    clients = _clients(request)
    if request["ClientID"] not in clients:
        clients.append(request["ClientID"])


@API.operation
def remove_client_id_from_open_id_connect_provider(request: dict[str, Any]) -> None:
    clients = _clients(request)
    if request["ClientID"] in clients:
        clients.remove(request["ClientID"])


@API.operation
def tag_open_id_connect_provider(request: dict[str, Any]) -> None:
    provider = _provider(request)
    known = {tag["Key"]: tag["Value"] for tag in (*provider["Tags"], *request["Tags"])}
    provider["Tags"] = [{"Key": key, "Value": value} for key, value in known.items()]


@API.operation
def untag_open_id_connect_provider(request: dict[str, Any]) -> None:
    provider = _provider(request)
    provider["Tags"] = [t for t in provider["Tags"] if t["Key"] not in request["TagKeys"]]


def _clients(request: dict[str, Any]) -> list[str]:
    return _provider(request)["ClientIDList"]


def _provider(request: dict[str, Any]) -> dict[str, Any]:
    provider = inside.service("iam")._oidc_providers.get(request["OpenIDConnectProviderArn"])
    if provider is None:
        raise ApiError("NoSuchEntity", f"no provider {request['OpenIDConnectProviderArn']}", 404)
    return provider

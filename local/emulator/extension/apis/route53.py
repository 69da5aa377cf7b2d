"""Route 53's DNSSEC: the state of a zone's signing and its key-signing keys; nothing is signed."""

from __future__ import annotations

import datetime
from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.apis.server import Api, ApiError

API = Api("route53")
_keys = API.store()  # (zone, name) -> KeySigningKey
_signing = API.store()  # zone -> whether it is signed


@API.operation
def create_key_signing_key(request: dict[str, Any]) -> dict[str, Any]:
    zone, name = _zone(request), request["Name"]
    if _find(zone, name) is not None:
        raise ApiError("KeySigningKeyAlreadyExists", f"{name} exists in {zone}", 409)
    now = datetime.datetime.now(datetime.UTC)
    key = {
        "Name": name,
        "KmsArn": request["KeyManagementServiceArn"],
        "Flag": 257,
        "SigningAlgorithmMnemonic": "ECDSAP256SHA256",
        "SigningAlgorithmType": 13,
        "DigestAlgorithmMnemonic": "SHA-256",
        "DigestAlgorithmType": 2,
        "Status": request["Status"],
        "CreatedDate": now,
        "LastModifiedDate": now,
    }
    _keys.set_scoped(inside.account(), _GLOBAL, (zone, name), key)
    return {"ChangeInfo": _change(), "KeySigningKey": key, "Location": f"{zone}/{name}"}


@API.operation
def activate_key_signing_key(request: dict[str, Any]) -> dict[str, Any]:
    return _set_status(request, "ACTIVE")


@API.operation
def deactivate_key_signing_key(request: dict[str, Any]) -> dict[str, Any]:
    return _set_status(request, "INACTIVE")


@API.operation
def delete_key_signing_key(request: dict[str, Any]) -> dict[str, Any]:
    key = _key(request)
    if key["Status"] == "ACTIVE":
        raise ApiError("InvalidKeySigningKeyStatus", f"{key['Name']} is active; deactivate it")
    _keys.pop_scoped(inside.account(), _GLOBAL, (_zone(request), request["Name"]))
    return {"ChangeInfo": _change()}


@API.operation
def enable_hosted_zone_dnssec(request: dict[str, Any]) -> dict[str, Any]:
    if not any(key["Status"] == "ACTIVE" for key in _keys_of(_zone(request))):
        raise ApiError("KeySigningKeyWithActiveStatusNotFound", "no key-signing key is active")
    _signing.set_scoped(inside.account(), _GLOBAL, _zone(request), True)
    return {"ChangeInfo": _change()}


@API.operation
def disable_hosted_zone_dnssec(request: dict[str, Any]) -> dict[str, Any]:
    _signing.set_scoped(inside.account(), _GLOBAL, _zone(request), False)
    return {"ChangeInfo": _change()}


@API.operation
def get_dnssec(request: dict[str, Any]) -> dict[str, Any]:
    signed = _signing.get_scoped(inside.account(), _GLOBAL, _zone(request), False)
    status = {"ServeSignature": "SIGNING" if signed else "NOT_SIGNING"}
    return {"Status": status, "KeySigningKeys": _keys_of(_zone(request))}


_GLOBAL = "aws-global"  # Route 53 has no Region


def _zone(request: dict[str, Any]) -> str:
    return request["HostedZoneId"].rpartition("/")[2]


def _find(zone: str, name: str) -> dict[str, Any] | None:
    return _keys.get_scoped(inside.account(), _GLOBAL, (zone, name))


def _key(request: dict[str, Any]) -> dict[str, Any]:
    key = _find(_zone(request), request["Name"])
    if key is None:
        raise ApiError("NoSuchKeySigningKey", f"no key '{request['Name']}'", 404)
    return key


def _keys_of(zone: str) -> list[dict[str, Any]]:
    items = _keys.items_scoped(inside.account(), _GLOBAL)
    return [key for (of, _), key in items if of == zone]


def _set_status(request: dict[str, Any], status: str) -> dict[str, Any]:
    _key(request)["Status"] = status
    return {"ChangeInfo": _change()}


def _change() -> dict[str, Any]:
    return {
        "Id": "/change/C0000000LOCAL",
        "Status": "INSYNC",
        "SubmittedAt": datetime.datetime.now(datetime.UTC),
    }

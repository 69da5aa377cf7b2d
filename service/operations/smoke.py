"""Asks the new half alone, before it has any traffic: through the tier's own load balancer.

APP_ADDRESS    host:port of the internal load balancer
APP_NAME       the name that its certificate answers to, and a Host below the domain
TEST_HEADER    the header that the test rule forwards by
TEST_HALF      its value: the half
SSL_CERT_FILE  what its certificate is signed by, where that is not public
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any

from service.operations.node import DeclinedError
from service.schema_version import spoken

_SECONDS = 10


def smoke(variables: Mapping[str, str]) -> dict[str, Any]:
    """Return readiness; DeclinedError for the first answer that is not the new release's."""
    ask = _asking(variables)
    status, _, ready = ask("GET", "/health/ready", "")
    wanted = {
        "half": variables["TEST_HALF"],
        "mode": "READ_ONLY",
        "schema_version": {store: spoken(store) for store in ("entity", "transaction")},
    }
    found = {name: ready.get(name) for name in wanted}
    if status != 200 or found != wanted:
        raise DeclinedError(f"readiness should be 200 with {wanted}, got {status} with {found}")
    status, _, login = ask("GET", "/health/login", "")
    if status != 200:
        raise DeclinedError(f"no login can succeed: {status} {login}")
    status, headers, refused = ask("POST", "/api/v1/users", "{}")
    code = refused.get("errorCode") or refused.get("code")
    if status != 503 or code != "E0000010" or "retry-after" not in headers:
        raise DeclinedError(f"a write should be refused as read-only, got {status} {refused}")
    return ready


Asking = Callable[[str, str, str], tuple[int, dict[str, str], dict[str, Any]]]


def _asking(variables: Mapping[str, str]) -> Asking:
    host, _, port = variables["APP_ADDRESS"].rpartition(":")
    context = ssl.create_default_context(cafile=variables.get("SSL_CERT_FILE"))
    headers = {
        "Host": variables["APP_NAME"],
        variables["TEST_HEADER"]: variables["TEST_HALF"],
        "Content-Type": "application/json",
    }

    def ask(method: str, path: str, body: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        connection = http.client.HTTPSConnection(host, int(port), timeout=_SECONDS)
        plain = socket.create_connection((host, int(port)), timeout=_SECONDS)
        connection.sock = context.wrap_socket(plain, server_hostname=variables["APP_NAME"])
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
            told = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, told, _object(text)
        finally:
            connection.close()

    return ask


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}

"""Asks one half of the app tier through its own load balancer, by the test rule's header.

APP_ADDRESS    host:port of the internal load balancer
APP_NAME       the name that its certificate answers to, a label before the domain
TEST_HEADER    the header that the test rules forward by, to the half that it names
SSL_CERT_FILE  what its certificate is signed by, where that is not public
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class HalfAnswer:
    """An answer; `headers` by lower-case names, `cookies` as set, `body` {} where it is no JSON."""

    status: int
    headers: Mapping[str, str]
    cookies: tuple[str, ...]
    body: Mapping[str, Any]


class HalfClient:
    """A connection for each request, as whoever is new has one.

    `half` is asked alone; None asks as users do, by the weights. `label` is before the domain.
    """

    def __init__(
        self, variables: Mapping[str, str], *, half: str | None, label: str | None = None
    ) -> None:
        self._host, _, port = variables["APP_ADDRESS"].rpartition(":")
        self._port, self._name = int(port), variables["APP_NAME"]
        self._context = ssl.create_default_context(cafile=variables.get("SSL_CERT_FILE"))
        domain = self._name.partition(".")[2]
        self._headers = {
            "Host": self._name if label is None else f"{label}.{domain}",
            "Content-Type": "application/json",
            **({} if half is None else {variables["TEST_HEADER"]: half}),
        }

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> HalfAnswer:
        """Return the answer. Raises OSError or http.client.HTTPException where there is none."""
        connection = self._connect()
        try:
            text = "" if body is None else json.dumps(body)
            connection.request(method, path, text, {**self._headers, **(headers or {})})
            answer = connection.getresponse()
            return HalfAnswer(
                status=answer.status,
                body=_object(answer.read()),
                headers={name.lower(): value for name, value in answer.getheaders()},
                cookies=tuple(answer.msg.get_all("set-cookie", ())),
            )
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPSConnection(self._host, self._port, timeout=_SECONDS)
        plain = socket.create_connection((self._host, self._port), timeout=_SECONDS)
        try:
            connection.sock = self._context.wrap_socket(plain, server_hostname=self._name)
        except BaseException:
            plain.close()
            raise
        return connection


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}

"""The outermost layer of the API: each request's id, its line of the log, and common headers."""

from __future__ import annotations

import re
import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.databases import ANSWERED_ON
from service.log import log

_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"}
# An answer is data for the one who asked: it is kept nowhere, and runs, frames and loads nothing.
_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
)
_SAFE_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")


class RequestLog:
    """What a request's line of the log says; no path and no query: both can hold secrets."""

    def __init__(self, scope: Scope) -> None:
        self._started = time.perf_counter()
        self._versions: set[int] = set()
        self._method = scope["method"] if scope["method"] in _METHODS else "other"
        self.request_id = _request_id(scope)
        self.endpoint = "none"
        self.tenant = ""
        self.status = 500
        ANSWERED_ON.set(self._versions)

    def write(self) -> None:
        log(
            "request",
            endpoint=self.endpoint,
            method=self._method,
            status=self.status,
            request_id=self.request_id,
            tenant=self.tenant,
            schema=",".join(map(str, sorted(self._versions))),
            ms=round((time.perf_counter() - self._started) * 1_000, 2),
        )


class LoggedApplication:
    """An application whose every request has an id and a line of the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_log = RequestLog(scope)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                request_log.status = message["status"]
                request_id = (b"x-request-id", request_log.request_id.encode())
                message["headers"] = [*message["headers"], request_id, *_HEADERS]
            await send(message)

        # The server sends no body to HEAD, whatever the application answers.
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        scope = {**scope, "method": method, "request_log": request_log}
        await self._app(scope, receive, send_with_id)
        request_log.write()


def _request_id(scope: Scope) -> str:
    """Return the edge's id where it is safe to log, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SAFE_ID.fullmatch(value):
            return value.decode()
    return secrets.token_hex(16)

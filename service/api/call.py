"""One request on its way through an endpoint, and what every endpoint may ask of it."""

from __future__ import annotations

import urllib.parse
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from starlette.types import Receive, Scope

from service.api import problems
from service.api.problems import ProblemError
from service.api.schema import Schema, parse, wrong
from service.stores.entity import Tenant

if TYPE_CHECKING:
    from service.runtime import Runtime
    from service.sessions import Caller

BODY_MAX = 65_536  # bytes


@dataclass(frozen=True)
class Answer:
    """What an endpoint answers; `body` None is an answer without one."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One method of one path: the only place that says what it needs.

    `writes`: it changes the entity store, and so is refused in READ_ONLY before anything is asked.
    `access`: who may call it: anyone, a session, an admin's session, or an application's secret.
    """

    method: str
    path: str
    name: str
    summary: str
    act: Callable[[Call], Awaitable[Answer]]
    writes: bool = False
    access: str = "session"
    stores: tuple[str, ...] = ()
    body: Schema | None = None
    form: bool = False
    query: Mapping[str, Schema] = field(default_factory=dict)
    answer: Schema | None = None
    status: int = 200
    problems: tuple[problems.Kind, ...] = ()


class Call:
    """A request. `tenant` and `caller` are there where the endpoint's access needs them."""

    tenant: Tenant
    caller: Caller

    def __init__(
        self, runtime: Runtime, endpoint: Endpoint, scope: Scope, receive: Receive, request_id: str
    ) -> None:
        self.runtime = runtime
        self.endpoint = endpoint
        self.scope = scope
        self.request_id = request_id
        self._receive = receive

    @cached_property
    def headers(self) -> dict[str, str]:
        """By lower-case name; of one that comes more than once the first."""
        found: dict[str, str] = {}
        for name, value in self.scope["headers"]:
            found.setdefault(name.decode("latin-1"), value.decode("latin-1"))
        return found

    @property
    def parameters(self) -> dict[str, str]:
        """What the path's places hold."""
        return self.scope.get("path_params", {})

    @property
    def client(self) -> str:
        """The address that the request came from, as the edge saw it."""
        peer = self.scope.get("client")
        return (self.headers.get("x-real-ip") or (peer[0] if peer else "unknown"))[:64]

    @property
    def agent(self) -> str | None:
        """The client's own name for itself, without its version."""
        found = self.headers.get("user-agent", "")
        return found.partition("/")[0].partition(" ")[0][:64] or None

    @cached_property
    def query(self) -> dict[str, Any]:
        """The parameters that the endpoint knows, as their schemas say; ProblemError for others."""
        text = self.scope["query_string"].decode("latin-1")
        try:
            pairs = urllib.parse.parse_qsl(
                text, keep_blank_values=True, max_num_fields=32, errors="strict"
            )
        except ValueError:
            raise ProblemError(problems.INVALID, ("the query: is malformed",)) from None
        known, found, causes = self.endpoint.query, {}, []
        for name, value in pairs:
            if name not in known or name in found:
                causes.append(
                    f"{name[:64]}: is {'not known here' if name not in known else 'given twice'}"
                )
                continue
            found[name] = _typed(known[name], value)
            causes += ["a character that is none: U+0000"] if "\0" in value else []
            causes += wrong(known[name], found[name], name)
        causes += [
            f"{name}: is required"
            for name, schema in known.items()
            if schema.get("x-required") and name not in found
        ]
        if causes:
            raise ProblemError(problems.INVALID, tuple(causes))
        return found

    async def body(self) -> dict[str, Any]:
        """The body as the endpoint's schema says; ProblemError for everything else."""
        endpoint = self.endpoint
        assert endpoint.body is not None
        wanted = "application/x-www-form-urlencoded" if endpoint.form else "application/json"
        if self.headers.get("content-type", "").partition(";")[0].strip().lower() != wanted:
            raise ProblemError(problems.MEDIA_TYPE, (f"should be {wanted}",))
        raw = await self._raw()
        try:
            value = _form(raw) if endpoint.form else parse(raw)
        except ValueError as error:
            cause = str(error) if not isinstance(error, UnicodeError) else "not UTF-8"
            raise ProblemError(problems.MALFORMED, (cause[:200],)) from None
        if causes := wrong(endpoint.body, value):
            raise ProblemError(problems.INVALID, tuple(causes[:20]))
        return value

    async def _raw(self) -> bytes:
        length = self.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > BODY_MAX:
            raise ProblemError(
                problems.TOO_LARGE, (f"at most {BODY_MAX} bytes",), {"Connection": "close"}
            )
        parts, size, more = [], 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ProblemError(problems.MALFORMED, ("the client left",))
            part = message.get("body", b"")
            size += len(part)
            if size > BODY_MAX:
                raise ProblemError(
                    problems.TOO_LARGE, (f"at most {BODY_MAX} bytes",), {"Connection": "close"}
                )
            parts.append(part)
            more = message.get("more_body", False)
        return b"".join(parts)


def _typed(schema: Schema, text: str) -> Any:
    if schema.get("type") == "integer" and text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    return text


def _form(raw: bytes) -> dict[str, str]:
    pairs = urllib.parse.parse_qsl(
        raw.decode("utf-8"), keep_blank_values=True, max_num_fields=16, errors="strict"
    )
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a parameter is given twice")
    if any("\0" in value for _, value in pairs):
        raise ValueError("a character that is none: U+0000")
    return dict(pairs)

"""One request on its way through an endpoint, and what every endpoint may ask of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from operator import itemgetter
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pydantic_core
from fastapi import Request
from pydantic.alias_generators import to_camel
from starlette.requests import ClientDisconnect

from service.api import problems
from service.api.models import EventPage, Page
from service.api.problems import ProblemError
from service.databases import Row
from service.runtime import Runtime
from service.sessions import Caller
from service.stores.attempts import network_of
from service.stores.entity import Tenant, new_id
from service.stores.transaction import Event

BODY_MAX = 65_536  # bytes
BODY_SECONDS = 10


@dataclass(frozen=True)
class Endpoint:
    """One method of one path: the only place that says what it needs.

    `writes`: it changes the entity store, and so is refused in READ_ONLY before anything is asked.
    `access`: who may call it: none asks no tenant, anyone, a session, an admin's session, or an
    application's secret. `at_once`: how many requests of one client may be under way in a process.
    """

    method: str
    path: str
    handler: Callable[..., Awaitable[Any]]
    access: str = "session"
    writes: bool = False
    at_once: int = 32
    stores: tuple[str, ...] = ()
    status: int = 200
    problems: tuple[problems.ProblemKind, ...] = ()

    @cached_property
    def name(self) -> str:
        return to_camel(self.handler.__name__)

    @property
    def summary(self) -> str:
        return (self.handler.__doc__ or "").partition("\n")[0].rstrip(".")


class Call(Request):
    """A request. `tenant`, `caller` and `application` are set where its access needs them.

    `shown` is the application that the request says it is of, whether its secret is right or not.
    An endpoint may set `answer_status`, `answer_headers` and `answer_cookies`.
    """

    tenant: Tenant
    caller: Caller
    application: UUID
    shown: UUID | None = None

    def __init__(self, request: Request, runtime: Runtime, endpoint: Endpoint) -> None:
        super().__init__(request.scope, request.receive)
        self.runtime = runtime
        self.endpoint = endpoint
        self.request_id: str = self.scope["request_log"].request_id
        self.answer_status: int | None = None
        self.answer_headers: dict[str, str] = {}
        self.answer_cookies: list[str] = []

    @property
    def address(self) -> str:
        """The address that the request came from, as the edge saw it."""
        peer = self.scope.get("client")
        return (self.headers.get("x-real-ip") or (peer[0] if peer else "unknown"))[:64]

    @cached_property
    def client_network(self) -> str:
        """The one client that the address is of, for its share of what there is."""
        return network_of(self.address)

    @property
    def agent(self) -> str | None:
        """The client's own name for itself, without its version."""
        found = self.headers.get("user-agent", "")
        return found.partition("/")[0].partition(" ")[0][:64] or None

    async def body(self) -> bytes:
        """Return the whole body; ProblemError where it is too large or slow, or its client left."""
        if hasattr(self, "_body"):
            return self._body
        too_large = ProblemError(
            problems.TOO_LARGE, (f"at most {BODY_MAX} bytes",), {"Connection": "close"}
        )
        length = self.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > BODY_MAX:
            raise too_large
        parts, size = [], 0
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for part in self.stream():
                    parts.append(part)
                    size += len(part)
                    if size > BODY_MAX:
                        raise too_large
        except TimeoutError:
            raise ProblemError(problems.TOO_SLOW, (), {"Connection": "close"}) from None
        except ClientDisconnect:
            raise ProblemError(problems.MALFORMED, ("the client left",)) from None
        self._body = b"".join(parts)
        return self._body

    async def json(self) -> Any:
        """Return the body's value; ProblemError where it is no JSON of RFC 8259."""
        try:
            return pydantic_core.from_json(await self.body(), allow_inf_nan=False)
        except (ValueError, RecursionError) as error:
            raise ProblemError(problems.MALFORMED, (str(error)[:200],)) from None

    def link_next(
        self,
        query: Page | EventPage,
        rows: Sequence[Row],
        *,
        after: Callable[[Row], Any] = itemgetter("id"),
        **fixed: Any,
    ) -> None:
        """Set the next page's address, where there may be one: this query behind the last row."""
        if len(rows) == query.limit:
            more = query.model_copy(update={**fixed, "after": after(rows[-1])})
            parameters = urlencode(more.model_dump(mode="json", exclude_none=True))
            self.answer_headers["Link"] = f'<{self.endpoint.path}?{parameters}>; rel="next"'

    async def record(self, kind: str, outcome: str = "success", **more: Any) -> None:
        """Add an event to the audit log; `more` as for `event`."""
        await self.runtime.audit.record(self.event(kind, outcome, **more))

    def event(
        self,
        kind: str,
        outcome: str = "success",
        *,
        login: str | None = None,
        account: Row | None = None,
        detail: dict[str, Any] | None = None,
    ) -> Event:
        """Return an event of the audit log, with every dimension of a report as it is now."""
        caller = getattr(self, "caller", None)
        actor = getattr(self, "application", None)
        if account or caller:
            actor = account["id"] if account else caller and caller.session.account
        settings = self.runtime.settings
        return Event(
            id=new_id(),
            at=datetime.now(UTC),
            tenant_id=self.tenant.id,
            actor=str(actor) if actor else None,
            kind=kind,
            outcome=outcome,
            login=login or (caller.session.login if caller else None),
            role=account["role"] if account else caller and caller.role,
            client=self.address,
            agent=self.agent,
            region=settings.region,
            half=settings.half,
            detail={"requestId": self.request_id, **(detail or {})},
        )

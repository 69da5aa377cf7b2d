"""The transaction store: audit events, written by the worker alone and read for a tenant."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from service.databases import RefusedWriteError, Row, Servers

_COLUMNS = (
    *("id", "at", "tenant_id", "actor", "kind", "outcome"),
    *("login", "role", "client", "agent", "region", "half", "detail"),
)
_SHOWN = ", ".join(name for name in _COLUMNS if name != "tenant_id")
_TEXT_MAX = 1_000


class NoEventError(ValueError):
    """What came out of the queue is no event; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """What happened, when, to whom, and every dimension that a report groups by, as it was then."""

    id: UUID
    at: datetime
    tenant_id: UUID
    actor: str | None
    kind: str
    outcome: str
    login: str | None = None
    role: str | None = None
    client: str | None = None
    agent: str | None = None
    region: str | None = None
    half: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(_clean(asdict(self)), default=str, separators=(",", ":"))


def from_json(text: str) -> Event:
    """Return the event of a message; NoEventError for everything else.

    Text is cleaned and never refused: a client chooses it, and must not choose what is kept.
    """
    try:
        found = json.loads(text)
        known = {each.name for each in fields(Event)}
        if not isinstance(found, dict) or not set(found) <= known:
            raise NoEventError(f"an event has no other fields than {sorted(known)}")
        at = datetime.fromisoformat(found["at"])
        if at.tzinfo is None:
            raise NoEventError("'at' should know its time zone")
        texts = {name: _text(found.get(name), name) for name in _COLUMNS[3:-1]}
        if not isinstance(detail := found.get("detail", {}), dict):
            raise NoEventError("'detail' should be an object")
        if texts["kind"] is None or texts["outcome"] is None:
            raise NoEventError("'kind' and 'outcome' should be text")
        return Event(
            id=UUID(found["id"]),
            at=at.astimezone(UTC),
            tenant_id=UUID(found["tenant_id"]),
            detail=_clean(detail),
            **texts,  # type: ignore[arg-type]
        )
    except NoEventError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise NoEventError(f"no event: {type(error).__name__}") from error


def _text(value: Any, name: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise NoEventError(f"'{name}' should be text")
    return _clean(value)[:_TEXT_MAX]


def _clean(value: Any) -> Any:
    """Return the value with U+FFFD in place of what PostgreSQL cannot hold."""
    if isinstance(value, str):
        pairs = value.encode("utf-16", "surrogatepass")  # halves that belong together join
        return pairs.decode("utf-16", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list):
        return [_clean(each) for each in value]
    if isinstance(value, dict):
        return {_clean(name): _clean(each) for name, each in value.items()}
    return value


_TAKES = "SELECT NOT pg_is_in_recovery() AND has_table_privilege('event', 'INSERT') AS takes"


class TransactionStore:
    """`readers` for requests, `writers` for the worker; either may be none."""

    def __init__(self, *, readers: Servers, writers: Servers) -> None:
        self.readers = readers
        self.writers = writers

    async def add(self, events: Sequence[Event]) -> None:
        """Keep the events of one tenant; those that are kept already stay as they are.

        All or none. Raises UnavailableError, or what PostgreSQL says to a wrong event.
        """
        (tenant,) = {event.tenant_id for event in events}
        marks = ", ".join(["(" + ", ".join(["%s"] * len(_COLUMNS)) + ")"] * len(events))
        values = [
            json.dumps(event.detail) if name == "detail" else getattr(event, name)
            for event in events
            for name in _COLUMNS
        ]
        await self.writers.ask(
            {"app.tenant": str(tenant)},
            f"INSERT INTO event ({', '.join(_COLUMNS)}) VALUES {marks} ON CONFLICT DO NOTHING",
            values,
        )

    async def require_writer(self) -> None:
        """UnavailableError where no server takes events."""
        for server in self.writers.ranked():
            try:
                rows = await server.ask({}, _TAKES)
            except Exception:  # noqa: S112 (whatever it is, this one takes no events)
                continue
            if rows[0]["takes"]:
                return
        raise RefusedWriteError("the transaction store takes no writes")

    async def events(
        self,
        tenant: UUID,
        *,
        since: datetime,
        until: datetime,
        actor: str | None,
        kind: str | None,
        after: tuple[datetime, UUID] | None,
        limit: int,
    ) -> list[Row]:
        """Events of since <= at < until, oldest first, behind the one that `after` names."""
        at, last = after or (None, None)
        return await self.readers.ask(
            {"app.tenant": str(tenant)},
            f"SELECT {_SHOWN} FROM event WHERE tenant_id = %s AND at >= %s AND at < %s"
            " AND (%s::text IS NULL OR actor = %s) AND (%s::text IS NULL OR kind = %s)"
            " AND (%s::timestamptz IS NULL OR (at, id) > (%s, %s)) ORDER BY at, id LIMIT %s",
            (tenant, since, until, actor, actor, kind, kind, at, at, last, limit),
        )

"""The transaction store: audit events, written by the worker alone and read for a tenant."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from service.databases import RefusedWriteError, Row, Servers

_TEXT_MAX = 1_000
_Text = Annotated[str, AfterValidator(lambda text: text[:_TEXT_MAX])]


class NoEventError(ValueError):
    """What came out of the queue is no event; the message says why."""


class Event(BaseModel):
    """An event says what happened, when, to whom, and every dimension of reports, as it was then.

    Text is cleaned and never refused: a client chooses it, and must not choose what is kept.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: UUID
    at: AwareDatetime
    tenant_id: UUID
    actor: _Text | None = None
    kind: _Text
    outcome: _Text
    login: _Text | None = None
    role: _Text | None = None
    client: _Text | None = None
    agent: _Text | None = None
    region: _Text | None = None
    half: _Text | None = None
    detail: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, values: Any) -> Any:
        return _clean(values)

    def to_json(self) -> str:
        """Return the event as ASCII, which every queue takes."""
        return self.model_dump_json(ensure_ascii=True)


_COLUMNS = tuple(Event.model_fields)
_SHOWN = ", ".join(name for name in _COLUMNS if name != "tenant_id")


def from_json(text: str) -> Event:
    """Return the event of a message; NoEventError for everything else."""
    try:
        return Event.model_validate(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise NoEventError(f"no event: {type(error).__name__}") from error


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
        if not await self.writers.take("event"):
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

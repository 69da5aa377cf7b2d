"""What happened at a tenant: its events, and its logins counted by several dimensions."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Query

from service.api import problems
from service.api.call import Call
from service.api.models import AuditEvent, EventPage, LoginCounts, LoginReport, TimeRange
from service.api.problems import ProblemError
from service.databases import Row
from service.stores.reporting import DIMENSIONS, logins

_BY_DEFAULT = timedelta(days=7)


async def list_events(call: Call, query: Annotated[EventPage, Query()]) -> list[AuditEvent]:
    """List audit events of a range of time, oldest first; by default the last seven days."""
    since, until = _range(query)
    rows = await call.runtime.transactions.events(
        call.tenant.id,
        since=since,
        until=until,
        actor=query.actor,
        kind=query.event,
        after=_cursor(query.after),
        limit=query.limit,
    )
    await call.record(
        "log.read", "success", detail=query.model_dump(mode="json", exclude_none=True)
    )
    call.link_next(query, rows, since=since, until=until, after=_encoded)
    return [AuditEvent.model_validate(row) for row in rows]


async def count_logins(call: Call, query: Annotated[LoginReport, Query()]) -> LoginCounts:
    """Count logins by dimensions, by comma in `by`; the 1,000 largest groups."""
    since, until = _range(query)
    by = [name for name in query.by.split(",") if name]
    if unknown := [name for name in by if name not in DIMENSIONS]:
        raise ProblemError(
            problems.INVALID,
            (f"by: should be of {', '.join(DIMENSIONS)}, got {', '.join(unknown)[:100]}",),
        )
    if len(set(by)) != len(by):
        raise ProblemError(problems.INVALID, ("by: names a dimension twice",))
    where = {name: value for name in DIMENSIONS if (value := getattr(query, name, None))}
    rows = await logins(
        call.runtime.reports, call.tenant.id, since=since, until=until, by=by, where=where
    )
    await call.record(
        "report.read", detail=query.model_dump(mode="json", exclude_none=True, by_alias=True)
    )
    groups = [{name: row[name] for name in (*by, "count")} for row in rows]
    return LoginCounts(since=since, until=until, by=by, groups=groups)


def _range(query: TimeRange) -> tuple[datetime, datetime]:
    until = query.until or datetime.now(UTC)
    since = query.since or until - _BY_DEFAULT
    if since > until:
        raise ProblemError(problems.INVALID, ("since: should be before 'until'",))
    return since, until


def _encoded(row: Row) -> str:
    return base64.urlsafe_b64encode(f"{row['at'].isoformat()} {row['id']}".encode()).decode()


def _cursor(text: str | None) -> tuple[datetime, UUID] | None:
    if text is None:
        return None
    try:
        raw = base64.b64decode(text, altchars=b"-_", validate=True).decode()
        at, _, last = raw.partition(" ")
        found = datetime.fromisoformat(at)
        if found.tzinfo is None or not 2000 <= found.year < 3000:
            raise ValueError(at)
        return found, UUID(last)
    except (ValueError, binascii.Error):
        raise ProblemError(problems.INVALID, ("after: is of no answer of this service",)) from None

"""What happened at a tenant: its events, and its logins counted by several dimensions."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from service.api import problems
from service.api.call import Answer, Call, Endpoint
from service.api.problems import ProblemError
from service.api.schema import instant
from service.databases import Row
from service.stores.reporting import DIMENSIONS, GROUPS_MAX, logins

PAGE_MAX = 1_000
_BY_DEFAULT = timedelta(days=7)


async def list_events(call: Call) -> Answer:
    """Events of a range of time, oldest first."""
    query, limit = call.query, call.query.get("limit", 100)
    since, until = _range(call)
    rows = await call.runtime.transactions.events(
        call.tenant.id,
        since=since,
        until=until,
        actor=query.get("actor"),
        kind=query.get("event"),
        after=_cursor(query.get("after")),
        limit=limit,
    )
    headers = {}
    if len(rows) == limit:
        more = {**query, "since": since.isoformat(), "until": until.isoformat()}
        more["after"] = _encoded(rows[-1])
        headers["Link"] = f'<{call.endpoint.path}?{urlencode(more)}>; rel="next"'
    return Answer([_event(row) for row in rows], headers=headers)


async def count_logins(call: Call) -> Answer:
    """Logins of a range of time, counted by dimensions."""
    query = call.query
    since, until = _range(call)
    by = [name for name in query.get("by", "outcome").split(",") if name]
    if unknown := [name for name in by if name not in DIMENSIONS]:
        raise ProblemError(
            problems.INVALID,
            (f"by: should be of {', '.join(DIMENSIONS)}, got {', '.join(unknown)[:100]}",),
        )
    if len(set(by)) != len(by):
        raise ProblemError(problems.INVALID, ("by: names a dimension twice",))
    where = {name: query[name] for name in DIMENSIONS if name in query}
    rows = await logins(
        call.runtime.reports, call.tenant.id, since=since, until=until, by=by, where=where
    )
    return Answer(
        {
            "since": since.isoformat(),
            "until": until.isoformat(),
            "by": by,
            "groups": [{name: row[name] for name in (*by, "count")} for row in rows],
        }
    )


def _range(call: Call) -> tuple[datetime, datetime]:
    """Of the query; by default the last seven days."""
    until = instant(call.query["until"]) if "until" in call.query else datetime.now(UTC)
    assert until is not None
    since = instant(call.query["since"]) if "since" in call.query else until - _BY_DEFAULT
    assert since is not None
    if since > until:
        raise ProblemError(problems.INVALID, ("since: should be before 'until'",))
    return since, until


def _event(row: Row) -> dict[str, Any]:
    return {
        "uuid": str(row["id"]),
        "published": row["at"].isoformat(),
        "eventType": row["kind"],
        "outcome": row["outcome"],
        "actor": row["actor"],
        "login": row["login"],
        "client": row["client"],
        "agent": row["agent"],
        "region": row["region"],
        "detail": row["detail"],
    }


def _encoded(row: Row) -> str:
    return base64.urlsafe_b64encode(f"{row['at'].isoformat()} {row['id']}".encode()).decode()


def _cursor(text: str | None) -> tuple[datetime, UUID] | None:
    if text is None:
        return None
    try:
        at, _, last = base64.b64decode(text, altchars=b"-_", validate=True).decode().partition(" ")
        if (found := instant(at)) is None:
            raise ValueError(at)
        return found, UUID(last)
    except (ValueError, binascii.Error):
        raise ProblemError(problems.INVALID, ("after: is of no answer of this service",)) from None


_TIME = {"type": "string", "format": "date-time"}
_TEXT = {"type": "string", "minLength": 1, "maxLength": 320}
ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/v1/logs",
        name="listEvents",
        summary="Audit events of a range of time, oldest first; by default the last seven days",
        act=list_events,
        access="admin",
        stores=("session", "transaction reader"),
        query={
            "since": _TIME,
            "until": _TIME,
            "actor": _TEXT,
            "event": _TEXT,
            "limit": {"type": "integer", "minimum": 1, "maximum": PAGE_MAX},
            "after": {"type": "string", "maxLength": 200},
        },
        answer={
            "type": "array",
            "items": {
                "type": "object",
                "required": ["uuid", "published", "eventType", "outcome", "actor", "detail"],
                "properties": {
                    "uuid": {"type": "string", "format": "uuid"},
                    "published": _TIME,
                    "eventType": {"type": "string"},
                    "outcome": {"type": "string"},
                    "detail": {"type": "object"},
                },
            },
        },
    ),
    Endpoint(
        method="GET",
        path="/api/v1/reports/logins",
        name="countLogins",
        summary=f"Logins counted by dimensions ({', '.join(DIMENSIONS)}), by comma in `by`; "
        f"the {GROUPS_MAX} largest groups",
        act=count_logins,
        access="admin",
        stores=("session", "reporting"),
        query={
            "since": _TIME,
            "until": _TIME,
            "by": {"type": "string", "maxLength": 200},
            **{name: _TEXT for name in DIMENSIONS if name not in ("day", "hour")},
        },
        answer={
            "type": "object",
            "required": ["since", "until", "by", "groups"],
            "properties": {
                "since": _TIME,
                "until": _TIME,
                "by": {"type": "array", "items": {"type": "string"}},
                "groups": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["count"],
                        "properties": {"count": {"type": "integer"}},
                    },
                },
            },
        },
    ),
)

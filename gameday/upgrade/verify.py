"""Asks the databases themselves what became of every attempt."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from gameday.upgrade.attempts import OK, REFUSED, Attempt, expected_events
from local.waiting import NotInTimeError, wait_until
from service.operations.compare import compare
from service.operations.node import DatabaseNode
from service.operations.operator import Operator

_TABLES = (
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
)
# Not the sum of service.operations.compare: columns by their names, and all of MD5's 128 bits.
_SUM = """
SELECT count(*), coalesce(sum(('x' || substr(md5(to_jsonb(t)::text), 1, 16))::bit(64)::bigint), 0),
       coalesce(sum(('x' || substr(md5(to_jsonb(t)::text), 17))::bit(64)::bigint), 0)
FROM {} AS t
"""
_EVENTS = "SELECT detail ->> 'requestId' FROM event WHERE at >= to_timestamp(%s)"
_MARGIN_SECONDS = 60.0  # an event's time is the service's own, before the client's answer
T = TypeVar("T")


def lost_writes(dsn: str, attempts: Iterable[Attempt]) -> list[str]:
    """Ids of acknowledged writes that a master does not have as they were acknowledged."""
    wanted = {
        each.account: each for each in attempts if each.kind == "write" and each.outcome == OK
    }
    rows = _rows(
        dsn, "SELECT id::text, full_name FROM account WHERE id = ANY (%s::uuid[])", list(wanted)
    )
    found = dict(rows)
    return sorted(each.id for key, each in wanted.items() if found.get(key) != each.value)


def refused_and_written(dsn: str, attempts: Iterable[Attempt]) -> list[str]:
    """Ids of refused writes that a master has nevertheless."""
    wanted = {each.value: each.id for each in attempts if each.outcome == REFUSED and each.value}
    rows = _rows(dsn, "SELECT full_name FROM account WHERE full_name = ANY (%s)", list(wanted))
    return sorted(wanted[value] for (value,) in rows)


def lost_events(dsn: str, attempts: Sequence[Attempt]) -> list[str]:
    """Ids of answered logins, logouts and writes that the transaction store has no event of."""
    wanted = {each.id for each in expected_events(attempts)}
    if not wanted:
        return []
    since = min(each.due for each in attempts) - _MARGIN_SECONDS
    return sorted(wanted - {value for (value,) in _rows(dsn, _EVENTS, since)})


def sums(dsn: str) -> dict[str, tuple[int, int, int]]:
    """By table: its rows, and a checksum in two halves, all in one snapshot."""
    with psycopg.connect(dsn) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        found = {}
        for (table,) in connection.execute(_TABLES.encode()).fetchall():
            row = connection.execute(sql.SQL(_SUM).format(sql.Identifier(table))).fetchone()
            assert row is not None
            found[table] = (row[0], int(row[1]), int(row[2]))
    return dict(sorted(found.items()))


def compared(masters: tuple[str, str]) -> dict[str, Any]:
    """Return what `service.operations compare entity-a entity-b` prints of two masters."""
    nodes = {
        name: _node(name, dsn) for name, dsn in zip(("entity-a", "entity-b"), masters, strict=True)
    }
    with Operator(nodes, timeout=60) as operator:
        return compare(operator, "entity-a", "entity-b")


def cost(dsn: str, account: str) -> dict[str, int]:
    """m (KiB), t and p of an account's argon2id hash, whatever column holds it; {} for another."""
    [[text]] = _rows(
        dsn,
        "SELECT substring(to_jsonb(a)::text FROM '[$]argon2id[$]v=19[$]([mtp=0-9,]+)[$]')"
        " FROM account AS a WHERE id = %s",
        account,
    )
    pairs = [part.partition("=") for part in (text or "").split(",") if part]
    return {name: int(value) for name, _, value in pairs}


def settle(look: Callable[[], T], well: Callable[[T], bool], *, seconds: float) -> T:
    """Return the last result of `look`: when all was well, or after `seconds` without."""
    found = look()

    def settled() -> bool:
        nonlocal found
        found = look()
        return well(found)

    with contextlib.suppress(NotInTimeError):
        wait_until(settled, "all to be well", seconds=seconds, pause=1)
    return found


def _rows(dsn: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(statement.encode(), values or None).fetchall()


def _node(name: str, dsn: str) -> DatabaseNode:
    parts = conninfo_to_dict(dsn)
    return DatabaseNode(
        name=name,
        store="entity",
        dsn=dsn,
        host=str(parts["host"]),
        port=int(parts.get("port") or 5432),
        database=str(parts["dbname"]),
        replication_password="",
        replication_sslmode="disable",
    )

"""Monthly partitions of the audit log: made before they are needed, detached when they are old.

A row that no month takes goes to the default partition, and waits there until its month is made.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from psycopg import sql

from service.operations import catalog, rights
from service.operations.give_way import give_way, set_lock_timeout
from service.operations.node import DeclinedError
from service.operations.operator import NodeSession, Operator

TABLE = "event"
DEFAULT = f"{TABLE}_default"
MONTHS_AHEAD = 3
# The least that is kept: a message of the queue may be 14 days old when it is written.
KEEP_MONTHS_MIN = 2
# A row further from today than this is no late one: no partition is made for it.
_STRAY_MONTHS = 24
_ROWS_MAX = 10_000

_PARTITIONS = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = %s::regclass ORDER BY 1
"""
_MONTH = re.compile(rf"{TABLE}_(\d{{4}})_(\d{{2}})")


def attached(session: NodeSession) -> list[str]:
    """Return the names of the audit log's partitions, the default one among them."""
    return session.column(_PARTITIONS, f"public.{TABLE}")


def make_partitions(
    operator: Operator, node: str, *, today: date, months: int = MONTHS_AHEAD
) -> list[str]:
    """Make the partitions of this month, of so many after it, and of rows that wait in the default.

    Those rows are moved to where they belong. Returns the partitions that were missing.
    """
    session = operator.on(node)
    wanted = {_of(today, ahead) for ahead in range(months + 1)}
    wanted |= {_of(at, 0) for at in _waiting(session, today)}
    made = []
    for first in sorted(wanted):
        name = _name(first)
        if session.value("SELECT to_regclass(%s) IS NOT NULL", f"public.{name}"):
            continue
        give_way(
            operator,
            lambda name=name, first=first: _make(session, name, first),
            f"{name} has its locks",
        )
        made.append(name)
    return made


def detach_partitions(operator: Operator, node: str, *, today: date, keep_months: int) -> list[str]:
    """Detach the partitions of months that ended more than `keep_months` ago; returns their names.

    The tables stay, with their rows, until a person has archived and drops them.
    """
    if keep_months < KEEP_MONTHS_MIN:
        raise DeclinedError(
            f"'--keep-months' should be at least {KEEP_MONTHS_MIN}, got {keep_months}"
        )
    session = operator.on(node)
    oldest = _name(_of(today, -keep_months))
    old = [name for name in attached(session) if _MONTH.fullmatch(name) and name < oldest]
    for name in old:
        statement = sql.SQL("ALTER TABLE {} DETACH PARTITION {}").format(
            catalog.qualified(TABLE), catalog.qualified(name)
        )
        # Not CONCURRENTLY, which PostgreSQL refuses beside a default partition: it locks the table
        # for a moment, once it has the lock.
        give_way(
            operator,
            lambda statement=statement: _change(session, statement),
            f"{name} has its locks",
        )
    return old


def state(session: NodeSession, *, today: date) -> dict[str, Any]:
    """Return the partitions, the `months_ahead` without a gap, and the rows of the default one.

    `default_rows` are counted up to 10,000: one is too many.
    """
    names = attached(session)
    ahead = 0
    while _name(_of(today, ahead + 1)) in names:
        ahead += 1
    rows = session.value(
        sql.SQL("SELECT count(*) FROM (SELECT 1 FROM {} LIMIT {}) AS counted").format(
            catalog.qualified(DEFAULT), _ROWS_MAX
        )
    )
    return {"partitions": names, "months_ahead": ahead, "default_rows": rows}


def _make(session: NodeSession, name: str, first: date) -> None:
    """Make one month's partition with the rows that wait for it, all or nothing."""
    bounds: dict[str, Any] = {"first": first.isoformat(), "end": _of(first, 1).isoformat()}
    table, parent = catalog.qualified(name), catalog.qualified(TABLE)
    with session.transaction():
        set_lock_timeout(session)
        # PARTITION OF would lock the audit log against its writers; ATTACH locks the default one.
        session.change("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", catalog.qualified(DEFAULT))
        session.change(
            "CREATE TABLE {} (LIKE {} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)", table, parent
        )
        session.change(
            "WITH moved AS (DELETE FROM {} WHERE at >= {first} AND at < {end} RETURNING *)"
            " INSERT INTO {} SELECT * FROM moved",
            catalog.qualified(DEFAULT),
            table,
            **bounds,
        )
        session.change(
            "ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({first}) TO ({end})",
            parent,
            table,
            **bounds,
        )
        # Asked directly it shows nothing: the tenants' policy stands on the table above it.
        session.change("ALTER TABLE {} ENABLE ROW LEVEL SECURITY", table)
        rights.provide(session, publish=False)


def _change(session: NodeSession, statement: sql.Composable) -> None:
    with session.transaction():
        set_lock_timeout(session)
        session.change(statement)


def _waiting(session: NodeSession, today: date) -> list[date]:
    """Return the months of the rows in the default partition that are near enough to be real."""
    if not session.value("SELECT to_regclass(%s) IS NOT NULL", f"public.{DEFAULT}"):
        return []  # in a dry run before the first start
    return session.column(
        sql.SQL(
            "SELECT DISTINCT date_trunc('month', at)::date FROM {} WHERE at >= %s AND at < %s"
        ).format(catalog.qualified(DEFAULT)),
        _of(today, -_STRAY_MONTHS),
        _of(today, _STRAY_MONTHS),
    )


def _name(first: date) -> str:
    return f"{TABLE}_{first:%Y_%m}"


def _of(day: date, ahead: int) -> date:
    """Return the first day of the month that is so many after that of a day."""
    months = day.year * 12 + day.month - 1 + ahead
    return date(months // 12, months % 12 + 1, 1)

"""Two databases compared by counts and checksums, and by key where they differ.

A table's checksum is a sum over its rows: the order of rows does not matter, nothing is sorted,
and a billion rows need no more memory than one.
"""

from __future__ import annotations

import contextlib
from typing import Any, LiteralString

from psycopg import sql

from service.operations import catalog
from service.operations.operator import NodeSession, Operator

_BUCKETS = 256
_KEYS_SHOWN = 20

# 64 bits of each row's MD5, summed as numbers; the columns by name, because their physical order
# depends on the history of a table.
_SUMS = """
SELECT bucket, count(*), sum(digest) FROM (
    SELECT ('x' || substr(md5({key}::text), 1, 2))::bit(8)::int AS bucket,
           ('x' || substr(md5({row}::text), 1, 16))::bit(64)::bigint::numeric AS digest
    FROM {table}
) AS hashed GROUP BY 1
"""
_ROWS = """
SELECT {key}::text, md5({row}::text) FROM {table}
WHERE ('x' || substr(md5({key}::text), 1, 2))::bit(8)::int = ANY (%s)
"""
_ROWS_OF = "SELECT {key}::text, md5({row}::text) FROM {table} WHERE {key}::text = ANY (%s)"
_WAYS = ("only_left", "only_right", "unlike")


def compare(operator: Operator, left: str, right: str) -> dict[str, Any]:
    """Counts and checksums of every table on two nodes, each in one snapshot.

    `equal` is meant of what stands still: fence and drain first, or rows in flight count as
    differences. Where tables differ, up to 20 keys are named: missing on one side, or not alike.
    """
    return _told(_compared(operator, left, right))


def compare_in_flight(operator: Operator, left: str, right: str) -> dict[str, Any]:
    """Compare a master that is written to with its subscriber.

    What differs between the snapshots may be on its way: such rows are asked for by key until each
    was alike once, or the operator's timeout is over. `in_flight` counts them; `rows` and
    `checksum` stay those of the snapshots.
    """
    found = _compared(operator, left, right)
    for name, table in found.items():
        if not table["equal"] and "columns" not in table:
            _follow(operator, (operator.on(left), operator.on(right)), name, table)
    return _told(found)


def _follow(
    operator: Operator, sessions: tuple[NodeSession, NodeSession], name: str, table: dict[str, Any]
) -> None:
    """Leave in the table's record only what stays different."""
    left = {key for way in _WAYS for key in table[way]}
    table["in_flight"] = len(left)

    def alike() -> bool:
        here, there = (dict(_ask(session, name, _ROWS_OF, sorted(left))) for session in sessions)
        left.difference_update({key for key in left if here.get(key) == there.get(key)})
        return not left

    with contextlib.suppress(TimeoutError):
        operator.wait(alike, f"every row of {name} was alike once")
    for way in _WAYS:
        table[way] = [key for key in table[way] if key in left]
    table["equal"] = not left


def _told(tables: dict[str, dict[str, Any]]) -> dict[str, Any]:
    for table in tables.values():
        for way in set(_WAYS) & table.keys():
            table[way] = table[way][:_KEYS_SHOWN]
    return {"equal": all(table["equal"] for table in tables.values()), "tables": tables}


def _compared(operator: Operator, left: str, right: str) -> dict[str, dict[str, Any]]:
    """Return every table's record, by name, with every key that differs."""
    sessions = operator.on(left), operator.on(right)
    for session in sessions:
        session.connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    for session in sessions:
        session.connection.execute("SELECT 1")  # takes the snapshot: both at nearly one moment
    try:
        names = sorted({table for session in sessions for table in catalog.tables(session)})
        return {table: _compare_table(sessions, table) for table in names}
    finally:
        for session in sessions:
            session.connection.execute("ROLLBACK")


def _compare_table(sessions: tuple[NodeSession, NodeSession], table: str) -> dict[str, Any]:
    columns = [catalog.columns(session, table) for session in sessions]
    if columns[0] != columns[1]:
        return {"equal": False, "columns": columns}
    sums = [
        {bucket: (count, int(total)) for bucket, count, total in _ask(session, table, _SUMS)}
        for session in sessions
    ]
    left, right = sums
    buckets = [b for b in range(_BUCKETS) if left.get(b) != right.get(b)]
    result: dict[str, Any] = {
        "equal": not buckets,
        "rows": [sum(count for count, _ in side.values()) for side in sums],
        "checksum": [f"{sum(total for _, total in side.values()) % 2**64:016x}" for side in sums],
    }
    if buckets:
        result |= _differences(sessions, table, buckets)
    return result


def _differences(
    sessions: tuple[NodeSession, NodeSession], table: str, buckets: list[int]
) -> dict[str, Any]:
    left, right = (dict(_ask(session, table, _ROWS, buckets)) for session in sessions)
    return {
        "only_left": sorted(left.keys() - right.keys()),
        "only_right": sorted(right.keys() - left.keys()),
        "unlike": sorted(key for key in left.keys() & right.keys() if left[key] != right[key]),
    }


def differing(
    left: NodeSession, right: NodeSession, table: str
) -> tuple[dict[str, str], dict[str, str]]:
    """The rows of a table that may differ, by key, with their checksums, on either side.

    All that do are among them. In the snapshots that the sessions are in.
    """
    sessions = left, right
    sums = [
        {bucket: (count, total) for bucket, count, total in _ask(session, table, _SUMS)}
        for session in sessions
    ]
    buckets = [b for b in range(_BUCKETS) if sums[0].get(b) != sums[1].get(b)]
    if not buckets:
        return {}, {}
    found = [dict(_ask(session, table, _ROWS, buckets)) for session in sessions]
    return found[0], found[1]


def key_of(session: NodeSession, table: str) -> sql.Composable:
    """Return what identifies a row: the record of the primary key, or of all columns."""
    return _record(catalog.key(session, table) or catalog.columns(session, table))


def _ask(
    session: NodeSession, table: str, question: LiteralString, *values: Any
) -> list[tuple[Any, ...]]:
    whole = catalog.columns(session, table)
    return session.rows(
        sql.SQL(question).format(
            table=catalog.qualified(table),
            row=_record(whole),
            key=key_of(session, table),
        ),
        *values,
    )


def _record(columns: list[str]) -> sql.Composable:
    return sql.SQL("ROW({})").format(catalog.named(columns))

"""Counted keys, which logical replication does not carry: raised before a master takes writes."""

from __future__ import annotations

from psycopg import sql

from service.operations import catalog
from service.operations.operator import NodeSession

# Keys that a lost master gave in transactions that never arrived: skipped, so that none of them,
# found later, meets another row with its key. PostgreSQL itself skips up to 32 after a crash.
GAP = 10_000


def raise_sequences(session: NodeSession, *, gap: int = 0) -> None:
    """Let every counter go on behind the largest key of its column, and `gap` behind that.

    A counter that is far enough already stays, and none goes beyond its largest number.
    """
    for sequence, table, column, most in catalog.sequences(session):
        largest, reached = session.rows(
            # One that was never asked will give the value that it stands at.
            sql.SQL(
                "SELECT (SELECT max({}) FROM {}),"
                " last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM {}"
            ).format(sql.Identifier(column), catalog.qualified(table), catalog.qualified(sequence))
        )[0]
        if largest is not None and reached < min(largest + gap, most):
            session.change(
                "SELECT setval({}, {})",
                session.text(catalog.qualified(sequence)),
                min(largest + gap, most),
            )

"""Makes a table what another server has, row by row where they differ; what goes is set aside."""

from __future__ import annotations

from typing import Any

from psycopg import sql

from service.operations import catalog, compare, schema
from service.operations.operator import NodeSession, print_statement

_MAKE = """CREATE TABLE IF NOT EXISTS operations.set_aside (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(),
    "table" text NOT NULL, row jsonb NOT NULL)"""
_BATCH = 1_000


def provide(session: NodeSession) -> None:
    """Make the table that rows are set aside in."""
    session.change(_MAKE)


def set_aside(session: NodeSession) -> int:
    """Return how many rows were set aside here, ever."""
    if not schema.exists(session) or not session.value(
        "SELECT to_regclass('operations.set_aside') IS NOT NULL"
    ):
        return 0
    return session.value("SELECT count(*) FROM operations.set_aside")


def repair(source: NodeSession, target: NodeSession, table: str) -> dict[str, int]:
    """Make a table of `target` what it is on `source`; returns the rows added, changed, removed.

    Runs in the transactions that both sessions are in. No value is told: rows are people's.
    """
    here, there = compare.differing(target, source, table)
    removed = here.keys() - there.keys()
    added = there.keys() - here.keys()
    changed = {key for key in here.keys() & there.keys() if here[key] != there[key]}
    for keys in _batches(removed | changed):
        _take_away(target, table, keys)
    for keys in _batches(added | changed):
        _bring(source, target, table, keys)
    return {"added": len(added), "changed": len(changed), "removed": len(removed)}


def _batches(keys: set[str]) -> list[list[str]]:
    ordered = sorted(keys)
    return [ordered[start : start + _BATCH] for start in range(0, len(ordered), _BATCH)]


def _take_away(target: NodeSession, table: str, keys: list[str]) -> None:
    where = _where(target, table)
    copied = sql.SQL(
        'INSERT INTO operations.set_aside ("table", row) SELECT {}, to_jsonb(t) FROM {} t WHERE {}'
    ).format(table, catalog.qualified(table), where)
    deleted = sql.SQL("DELETE FROM {} t WHERE {}").format(catalog.qualified(table), where)
    for statement in (copied, deleted):
        _execute(target, statement, table, len(keys), (keys,))


def _bring(source: NodeSession, target: NodeSession, table: str, keys: list[str]) -> None:
    columns = catalog.written_columns(source, table)
    texts = (sql.SQL("{}::text").format(sql.Identifier(name)) for name in columns)
    rows = source.rows(
        sql.SQL("SELECT {} FROM {} t WHERE {}").format(
            sql.SQL(", ").join(texts),
            catalog.qualified(table),
            _where(source, table),
        ),
        keys,
    )
    # Texts without a type: PostgreSQL reads each as its column's.
    statement = sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({})").format(
        catalog.qualified(table),
        catalog.named(columns),
        sql.SQL(", ").join(sql.Placeholder() for _ in columns),
    )
    _execute(target, statement, table, len(rows), *rows)


def _where(session: NodeSession, table: str) -> sql.Composable:
    return sql.SQL("{}::text = ANY (%s)").format(compare.key_of(session, table))


def _execute(
    session: NodeSession, statement: sql.Composable, table: str, rows: int, *values: Any
) -> None:
    shown = f"{session.text(statement).split(' ')[0]} of {rows} rows of {table}"
    print_statement(f"/* {session.node.name} */ {shown};")

    def run() -> None:
        session.connection.cursor().executemany(session.text(statement).encode(), values)

    session.perform(shown, run)

"""A database as dumps see it: its server, its tables, and what they add up to."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from dumps.manifest import Table

# Ordinary tables, partitions one by one; what belongs to an extension comes back with it.
_TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'p'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                  AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, 2
"""
_COLUMNS = """
SELECT attname FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY 1
"""
# 64 bits of each row's MD5, added as numbers: no order of rows matters, and nothing is sorted.
_SUM = """
SELECT count(*),
       coalesce(sum(('x' || substr(md5({row}::text), 1, 16))::bit(64)::bigint::numeric), 0)
FROM ONLY {table}
"""
# Of serial and identity columns alike.
_COUNTERS = """
SELECT quote_ident(sn.nspname) || '.' || quote_ident(s.relname), tn.nspname, t.relname, a.attname
FROM pg_class s
JOIN pg_namespace sn ON sn.oid = s.relnamespace
JOIN pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass
    AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
JOIN pg_class t ON t.oid = d.refobjid
JOIN pg_namespace tn ON tn.oid = t.relnamespace
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE s.relkind = 'S'
"""
# How values become text must not depend on a server's or a role's settings.
_PLAIN = (
    "SET LOCAL timezone = 'UTC'",
    "SET LOCAL datestyle = 'ISO, YMD'",
    "SET LOCAL intervalstyle = 'postgres'",
    "SET LOCAL extra_float_digits = 1",
    "SET LOCAL bytea_output = 'hex'",
    "SET LOCAL row_security = off",  # a policy that would hide rows is an error
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    "SET LOCAL search_path = pg_catalog",
)

# Who alters a table waits for our count of it, pg_dump behind them, and the count's transaction for
# pg_dump: no server sees that circle. The next dump is better than one that never ends.
LOCK_WAIT = "60s"

Connection = psycopg.Connection[Any]


def begin(connection: Connection) -> None:
    """A transaction that sees one moment, and writes values as every other does."""
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    for statement in _PLAIN:
        connection.execute(statement.encode())
    connection.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'".encode())


def tables(connection: Connection) -> dict[str, Table]:
    """Rows and checksum of every table, in the transaction that is open."""
    return {
        f"{schema}.{name}": _table(connection, schema, name)
        for schema, name in connection.execute(_TABLES).fetchall()
    }


def is_empty(connection: Connection) -> bool:
    """Whether it has no table of anybody's."""
    return not connection.execute(_TABLES).fetchall()


def raise_counters(connection: Connection) -> int:
    """Let every counter go on behind the largest key of its column; returns how many were raised.

    A subscriber, which a dump may be of, is sent rows and no counters.
    """
    raised = 0
    for sequence, schema, table, column in connection.execute(_COUNTERS).fetchall():
        question = sql.SQL("SELECT (SELECT max({}) FROM {}), (SELECT last_value FROM {})")
        largest, reached = connection.execute(
            question.format(
                sql.Identifier(column), sql.Identifier(schema, table), sql.SQL(sequence)
            )
        ).fetchall()[0]
        if largest is not None and reached < largest:
            connection.execute("SELECT setval(%s::regclass, %s)", [sequence, largest])
            raised += 1
    return raised


def extensions(connection: Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT extname, extversion FROM pg_extension").fetchall())


def available_extensions(connection: Connection) -> set[str]:
    found = connection.execute("SELECT name FROM pg_available_extensions").fetchall()
    return {name for (name,) in found}


def value(connection: Connection, question: str) -> Any:
    """The first column of the first row."""
    row = connection.execute(question.encode()).fetchone()
    assert row is not None, question
    return row[0]


def _table(connection: Connection, schema: str, name: str) -> Table:
    qualified = sql.Identifier(schema, name)
    found = connection.execute(_COLUMNS, [qualified.as_string(connection)]).fetchall()
    columns = tuple(column for (column,) in found)
    row = sql.SQL("ROW({})").format(sql.SQL(", ").join(map(sql.Identifier, columns)))
    counted = connection.execute(sql.SQL(_SUM).format(row=row, table=qualified)).fetchone()
    assert counted is not None
    rows, total = counted
    return Table(rows=rows, checksum=f"{int(total) % 2**64:016x}", columns=columns)

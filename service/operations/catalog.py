"""Reads a store's schema: tables, columns, keys, sequences, the publication."""

from __future__ import annotations

from psycopg import sql

from service.operations.node import PUBLICATION
from service.operations.operator import NodeSession

_TABLES = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY 1
"""
_COLUMNS = """
SELECT attname FROM pg_attribute
WHERE attrelid = to_regclass('public.' || quote_ident(%s)) AND attnum > 0 AND NOT attisdropped
ORDER BY 1
"""
_KEY = """
SELECT a.attname FROM pg_index i
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE i.indrelid = to_regclass('public.' || quote_ident(%s)) AND i.indisprimary
ORDER BY array_position(i.indkey::int[], a.attnum::int)
"""
# Of serial and identity columns alike.
_SEQUENCES = """
SELECT s.relname, t.relname, a.attname
FROM pg_class s
JOIN pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass
    AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
JOIN pg_class t ON t.oid = d.refobjid
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE s.relkind = 'S' AND s.relnamespace = 'public'::regnamespace
ORDER BY 1
"""
_PUBLISHED = """
SELECT tablename FROM pg_publication_tables
WHERE pubname = %s AND schemaname = 'public' ORDER BY 1
"""


def tables(session: NodeSession) -> list[str]:
    """The tables of the application, a partitioned one once."""
    return session.column(_TABLES)


def columns(session: NodeSession, table: str) -> list[str]:
    """The columns by name; [] where there is no such table."""
    return session.column(_COLUMNS, table)


def key(session: NodeSession, table: str) -> list[str]:
    """The columns of the primary key, in its order."""
    return session.column(_KEY, table)


def sequences(session: NodeSession) -> list[tuple[str, str, str]]:
    """Sequence, table and column of every counted column."""
    return [(sequence, table, column) for sequence, table, column in session.rows(_SEQUENCES)]


def published(session: NodeSession) -> list[str] | None:
    """The tables of the publication, or None where there is no publication."""
    if session.value("SELECT 1 FROM pg_publication WHERE pubname = %s", PUBLICATION) is None:
        return None
    return session.column(_PUBLISHED, PUBLICATION)


def qualified(table: str) -> sql.Composable:
    return sql.Identifier("public", table)


def named(names: list[str] | tuple[str, ...]) -> sql.Composable:
    """Names as a list in a statement."""
    return sql.SQL(", ").join(sql.Identifier(name) for name in names)

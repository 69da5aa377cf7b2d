"""Reads a store's schema: tables, columns, keys, sequences, the publication."""

from __future__ import annotations

from typing import Any

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
# A stored generated column is computed, never written.
_WRITTEN = """
SELECT attname FROM pg_attribute
WHERE attrelid = to_regclass('public.' || quote_ident(%s))
AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY 1
"""
_KEY = """
SELECT a.attname FROM pg_index i
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE i.indrelid = to_regclass('public.' || quote_ident(%s)) AND i.indisprimary
ORDER BY array_position(i.indkey::int[], a.attnum::int)
"""
# Of serial and identity columns alike, where the largest value shows how far a sequence is: the
# survey refuses the others.
_SEQUENCES = """
SELECT s.relname, t.relname, a.attname, q.seqmax
FROM pg_class s
JOIN pg_sequence q ON q.seqrelid = s.oid AND q.seqincrement > 0
JOIN pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass
    AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
JOIN pg_class t ON t.oid = d.refobjid
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE s.relkind = 'S' AND s.relnamespace = 'public'::regnamespace
AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
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


def written_columns(session: NodeSession, table: str) -> list[str]:
    """Return the columns that are written, by name: all but those that are computed."""
    return session.column(_WRITTEN, table)


def key(session: NodeSession, table: str) -> list[str]:
    """The columns of the primary key, in its order."""
    return session.column(_KEY, table)


def sequences(session: NodeSession) -> list[tuple[Any, ...]]:
    """Return sequence, table, column and the sequence's largest number, of every counted column."""
    return session.rows(_SEQUENCES)


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

"""A throw-away database beside a node's own: its schema as the migrations make it, and some rows.

What a migration does is tried there, on the server it is meant for, and nobody waits for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import LiteralString

import psycopg
from psycopg import sql

from service.operations import catalog, effects, migration_files, schema
from service.operations.alone import alone
from service.operations.migration_files import Migration
from service.operations.node import DeclinedError
from service.operations.operator import NodeSession, Operator, print_statement
from service.operations.sequences import raise_sequences

_ROWS = 100  # of each table; and the rows that these refer to
# What of a node has to be as its files make it, or the copy would prove nothing. An index, which a
# person may have made CONCURRENTLY, and rights, which a fence takes, may differ.
_COMPARED = {"column", "required column", "constraint", "trigger", "policy"}
_SOME: LiteralString = "SELECT to_jsonb(t)::text FROM {} t LIMIT {}"
_ALL: LiteralString = "SELECT to_jsonb(t)::text FROM {} t ORDER BY 1"
_REFERENCES = """
SELECT child.relname, parent.relname,
    (SELECT array_agg(a.attname ORDER BY k.n) FROM unnest(c.conkey) WITH ORDINALITY AS k(num, n)
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.num),
    (SELECT array_agg(a.attname ORDER BY k.n) FROM unnest(c.confkey) WITH ORDINALITY AS k(num, n)
        JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.num)
FROM pg_constraint c
JOIN pg_class child ON child.oid = c.conrelid AND NOT child.relispartition
JOIN pg_class parent ON parent.oid = c.confrelid AND NOT parent.relispartition
WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace
"""
_REFERRED: LiteralString = """
SELECT DISTINCT to_jsonb(p)::text FROM {parent} p
JOIN jsonb_populate_recordset(NULL::{child}, %s::jsonb) c ON ({theirs}) = ({ours})
"""
_INSERT: LiteralString = """
INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE
SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, %s::jsonb)
"""

Rows = dict[str, list[str]]  # of each table, as JSON


@contextlib.contextmanager
def scratch(operator: Operator, node: str, applied: list[Migration]) -> Iterator[NodeSession]:
    """Yield a session in a copy of a node's schema, at the version that `applied` makes.

    Raises DeclinedError where the node's schema is not what these files make. The database is
    dropped at the end; one that a killed command left is dropped before.
    """
    name = f"{operator.node(node).database}_scratch"
    server = operator.on(node)
    with alone(operator, node):
        _drop(server, name)
        server.change("CREATE DATABASE {}", sql.Identifier(name))
        try:
            copy = operator.on(node, database=name)
            with contextlib.closing(copy.connection):
                schema.make(copy)
                _repeat(copy, applied)
                _require_alike(server, copy)
                with copy.transaction():
                    load(copy, _some_rows(server, catalog.tables(copy)))
                    raise_sequences(copy)
                yield copy
        finally:
            _drop(server, name)


def dump(session: NodeSession) -> Rows:
    """Return every row of every table, in an order that only the rows give."""
    return {
        table: session.column(sql.SQL(_ALL).format(catalog.qualified(table)))
        for table in catalog.tables(session)
    }


def reload_backwards(session: NodeSession, rows: Rows) -> None:
    """Write all rows anew, the last one first: what depends on their order will come out other."""
    with session.transaction():
        session.change("SET LOCAL session_replication_role = replica")
        for table in rows:
            session.change("DELETE FROM {}", catalog.qualified(table))
        load(session, {table: found[::-1] for table, found in rows.items()})


def load(session: NodeSession, rows: Rows) -> None:
    """Insert rows as replication does: no trigger fires and no reference is asked for."""
    session.change("SET LOCAL session_replication_role = replica")
    for table, found in rows.items():
        if found:
            print_statement(f"/* {session.node.name} */ INSERT of {len(found)} rows of {table};")
            text = sql.SQL(_INSERT).format(
                table=catalog.qualified(table),
                columns=catalog.named(catalog.written_columns(session, table)),
            )
            session.connection.execute(session.text(text).encode(), (_array(found),))


def _repeat(copy: NodeSession, applied: list[Migration]) -> None:
    for migration in applied:
        try:
            with copy.transaction():
                migration_files.apply(copy, migration)
        except psycopg.Error as error:
            raise DeclinedError(
                f"migration {migration.version} cannot be repeated on {copy.node.name}, so nothing "
                f"can be tried there: {_first_line(error)}"
            ) from error


def _require_alike(server: NodeSession, copy: NodeSession) -> None:
    """Tables that the files do not make are no difference: partitions, and those detached."""
    here, there = (
        {thing: what for thing, what in effects.seen(each).items() if thing[0] in _COMPARED}
        for each in (server, copy)
    )
    made = {owner for _, owner, _ in there}
    unlike = sorted(
        " ".join(thing)
        for thing in here.keys() | there.keys()
        if here.get(thing) != there.get(thing) and thing[1] in made
    )
    if unlike:
        raise DeclinedError(
            f"{server.node.name} is not what its migrations make: {', '.join(unlike)}; make it so, "
            "or write the difference as a migration"
        )


def _some_rows(server: NodeSession, tables: list[str]) -> Rows:
    """Return some rows of the tables, and all that these refer to, as one snapshot shows them."""
    server.connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        found = {
            table: dict.fromkeys(
                server.column(sql.SQL(_SOME).format(catalog.qualified(table), _ROWS))
            )
            for table in tables
        }
        references = [each for each in server.rows(_REFERENCES) if {*each[:2]} <= found.keys()]
        fresh: Rows = {table: list(rows) for table, rows in found.items()}
        while any(fresh.values()):
            coming: Rows = {}
            for child, parent, ours, theirs in references:
                if fresh.get(child):
                    coming.setdefault(parent, []).extend(
                        row
                        for row in _referred(server, (child, parent, ours, theirs), fresh[child])
                        if row not in found[parent]
                    )
            for parent, rows in coming.items():
                found[parent].update(dict.fromkeys(rows))
            fresh = coming
    finally:
        server.connection.execute("ROLLBACK")
    return {table: list(rows) for table, rows in found.items()}


def _referred(
    server: NodeSession, reference: tuple[str, str, list[str], list[str]], rows: list[str]
) -> list[str]:
    child, parent, ours, theirs = reference
    text = sql.SQL(_REFERRED).format(
        parent=catalog.qualified(parent),
        child=catalog.qualified(child),
        theirs=sql.SQL(", ").join(sql.Identifier("p", name) for name in theirs),
        ours=sql.SQL(", ").join(sql.Identifier("c", name) for name in ours),
    )
    return server.column(text, _array(rows))


def _array(rows: list[str]) -> str:
    return f"[{','.join(rows)}]"


def _drop(server: NodeSession, name: str) -> None:
    server.change("DROP DATABASE IF EXISTS {} WITH (FORCE)", sql.Identifier(name))


def _first_line(error: psycopg.Error) -> str:
    return str(error).splitlines()[0]

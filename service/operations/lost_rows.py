"""Rows that a mistake took away, from the replica that has them: to a file, or to a master."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from psycopg import sql

from service.operations import catalog
from service.operations.node import DeclinedError
from service.operations.operator import NodeSession, Operator, print_statement


def dump(operator: Operator, node: str, table: str, file: Path) -> dict[str, Any]:
    """Write a table to a file as CSV with a header, in the order of its key; whole or not at all.

    Returns its rows and the SHA-256 of the file: the same rows give the same file.
    """
    session = operator.on(node)
    names = catalog.named(_columns(session, table))
    order = catalog.named(catalog.key(session, table) or catalog.columns(session, table))
    out = sql.SQL("COPY (SELECT {} FROM {} ORDER BY {}) TO STDOUT (FORMAT csv, HEADER)").format(
        names, catalog.qualified(table), order
    )
    print_statement(f"/* {node} */ {session.text(out)};")
    if operator.dry_run:
        return {}
    part, digest = file.with_name(f"{file.name}.part"), hashlib.sha256()
    cursor = session.connection.cursor()
    with part.open("wb") as writing, cursor.copy(out) as reading:
        for block in reading:
            digest.update(block)
            writing.write(block)
        writing.flush()
        os.fsync(writing.fileno())
    part.replace(file)
    return {"file": str(file), "rows": cursor.rowcount, "sha256": digest.hexdigest()}


def restore_rows(operator: Operator, node: str, table: str, to: str) -> dict[str, int]:
    """Insert into `to` the rows of a table that it lacks, as the replica has them.

    Rows that `to` has stay as they are, changed or not: `changed` counts those that differ, and
    `refused` those that it lacks and cannot take, because another row has a value that is unique.
    Run again it inserts nothing. DeclinedError where the table has no primary key.
    """
    source, target = operator.on(node), operator.on(to)
    key, columns = catalog.key(source, table), _columns(source, table)
    if not key or columns != catalog.columns(target, table):
        raise DeclinedError(f"'{table}' has no primary key, or other columns on {to}")
    names = catalog.named(columns)
    with target.transaction():
        target.change(
            "CREATE TEMPORARY TABLE given ON COMMIT DROP AS SELECT {} FROM {} LIMIT 0",
            names,
            catalog.qualified(table),
        )
        _stream(source, target, table, names)
        before = {} if target.dry_run else _counts(target, table, key, names)
        target.change(
            "INSERT INTO {} ({names}) OVERRIDING SYSTEM VALUE SELECT {names} "
            "FROM given ON CONFLICT DO NOTHING",
            catalog.qualified(table),
            names=names,
        )
        after = {} if target.dry_run else _counts(target, table, key, names)
    if target.dry_run:
        return {}
    refused = after["lost"]
    return {**before, "restored": before["lost"] - refused, "refused": refused}


def _columns(session: NodeSession, table: str) -> list[str]:
    columns = catalog.columns(session, table)
    if not columns:
        raise DeclinedError(f"'{table}' is no table of {session.node.name}")
    return columns


def _stream(source: NodeSession, target: NodeSession, table: str, names: sql.Composable) -> None:
    """The table through this process, in blocks: neither side's memory holds it."""
    out = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(names, catalog.qualified(table))
    into = sql.SQL("COPY given ({}) FROM STDIN").format(names)
    print_statement(f"/* {source.node.name} */ {source.text(out)};")
    print_statement(f"/* {target.node.name} */ {target.text(into)};")
    if target.dry_run:
        return
    with (
        source.connection.cursor().copy(out) as reading,
        target.connection.cursor().copy(into) as writing,
    ):
        for block in reading:
            writing.write(block)


def _counts(
    target: NodeSession, table: str, key: list[str], names: sql.Composable
) -> dict[str, int]:
    same = sql.SQL(" AND ").join(
        sql.SQL("there.{0} = given.{0}").format(sql.Identifier(name)) for name in key
    )
    rows, lost, changed = target.rows(
        sql.SQL(
            "SELECT count(*), count(*) FILTER (WHERE there IS NULL),"
            # A row IS NOT NULL where each of its columns is, which few rows are.
            " count(*) FILTER (WHERE NOT there IS NULL AND there::text <> given::text)"
            " FROM given LEFT JOIN (SELECT {} FROM {}) AS there ON {}"
        ).format(names, catalog.qualified(table), same)
    )[0]
    return {"rows": rows, "lost": lost, "changed": changed}

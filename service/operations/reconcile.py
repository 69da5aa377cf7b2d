"""A lost master is back: what it had acknowledged and not sent is carried over, or reported.

What it holds and the other never got is still in its slot. A transaction whose rows nobody has
touched on the new master since is applied there; one that meets newer writes, or builds on one that
does, is set aside whole for a person. The returned master is then rebuilt from the new one.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from service.operations import catalog, slots
from service.operations.changes import CARRIED_OVER, Change, Identity, Transaction, peek
from service.operations.fence import MASTERS, fence
from service.operations.node import RefusedError
from service.operations.operator import Operator, Session
from service.operations.promotion import reconciliation_slot


def reconcile(operator: Operator, returned: str) -> dict[str, Any]:
    """Fence the returned master first, then carry over what is missing on the other one.

    After a crash the slot begins earlier than what was received; a transaction whose outcome is
    there already is not missing.

    Returns the report: how many transactions and rows were missing, how many were carried over,
    and each that was set aside with its rows on both sides. Run again, it carries over nothing
    twice and reports the same.
    """
    [current] = [name for name in MASTERS if name != returned]
    fence(operator, returned)
    slots.wait_until_written(operator, returned)
    old, new = operator.on(returned), operator.on(current)
    memory = reconciliation_slot(returned)
    if new.value("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s", memory) is None:
        raise RefusedError(f"{current} was not promoted in place of {returned}: nothing to do")
    missing = [
        transaction
        for transaction in peek(old, operator.link(returned, current).name)
        if _is_carried_over(new, returned, transaction) or not _has_arrived(new, transaction)
    ]
    newer = _touched(peek(new, memory))
    report: dict[str, Any] = {
        "returned": returned,
        "missing_transactions": len(missing),
        "missing_rows": sum(len(transaction.changes) for transaction in missing),
        "carried_over": 0,
        "set_aside": [],
    }
    for transaction in missing:
        reason = _obstacle(transaction, newer) or _carry_over(new, returned, transaction)
        if reason is None:
            report["carried_over"] += 1
            continue
        newer |= _touched([transaction])
        report["set_aside"].append(_described(new, transaction, reason))
    return report


def _touched(transactions: list[Transaction]) -> set[Identity]:
    """The rows of transactions that users made; of a truncated table the table itself."""
    return {
        identity
        for transaction in transactions
        if CARRIED_OVER not in transaction.marks
        for change in transaction.changes
        for identity in change.identities
    }


def _obstacle(transaction: Transaction, newer: set[Identity]) -> str | None:
    truncated = {table for table, values in newer if not values}
    for change in transaction.changes:
        if change.action == "truncate":
            return f"it empties {change.table}"
        if change.table in truncated or change.identities & newer:
            return f"{change.table} {change.key} was written on the new master, or set aside"
    return None


def _is_carried_over(new: Session, source: str, transaction: Transaction) -> bool:
    return bool(
        new.value(
            "SELECT 1 FROM operations.reconciled WHERE source = %s AND commit_lsn = %s::pg_lsn",
            source,
            transaction.commit_lsn,
        )
    )


def _has_arrived(new: Session, transaction: Transaction) -> bool:
    """Whether every row is as the transaction left it, or as gone.

    One with columns that are no more was made before a migration, or by it: nobody migrates before
    everything has been received (`slots.drain`), and a slot that a crash set back holds it again.
    """
    if any(_is_of_an_older_schema(new, change) for change in transaction.changes):
        return True
    return all(_is_there(new, change) for change in transaction.changes)


def _is_of_an_older_schema(new: Session, change: Change) -> bool:
    columns = new.column(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = %s",
        change.table,
    )
    return not {*change.key, *change.row} <= set(columns)


def _is_there(new: Session, change: Change) -> bool:
    if change.action == "truncate":
        return False
    gone = change.action == "delete"
    wanted = change.key if gone else change.row
    where = sql.SQL(" AND ").join(
        sql.SQL("{}::text IS NOT DISTINCT FROM {}").format(
            sql.Identifier(name), sql.NULL if value is None else sql.Literal(value)
        )
        for name, value in wanted.items()
    )
    found = new.value(
        sql.SQL("SELECT count(*) FROM {} WHERE {}").format(catalog.qualified(change.table), where)
    )
    return (found == 0) if gone else (found > 0)


def _carry_over(new: Session, source: str, transaction: Transaction) -> str | None:
    """Apply a transaction once; returns why it cannot be applied, or None."""
    if _is_carried_over(new, source, transaction):
        return None
    try:
        with new.transaction():
            new.change(
                sql.SQL("SELECT pg_logical_emit_message(true, {}, {})").format(
                    sql.Literal(CARRIED_OVER), sql.Literal(transaction.commit_lsn)
                )
            )
            for change in transaction.changes:
                new.change(_statement(change))
            new.change(
                sql.SQL(
                    "INSERT INTO operations.reconciled (source, commit_lsn) VALUES ({}, {})"
                ).format(sql.Literal(source), sql.Literal(transaction.commit_lsn))
            )
    except psycopg.errors.IntegrityError as error:
        return str(error).splitlines()[0]
    return None


def _statement(change: Change) -> sql.Composable:
    table = catalog.qualified(change.table)
    if change.action == "insert":
        return sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({})").format(
            table, catalog.named(list(change.row)), _values(change.row)
        )
    where = sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Literal(value))
        for name, value in change.key.items()
    )
    if change.action == "delete":
        return sql.SQL("DELETE FROM {} WHERE {}").format(table, where)
    return sql.SQL("UPDATE {} SET ({}) = ROW({}) WHERE {}").format(
        table, catalog.named(list(change.row)), _values(change.row), where
    )


def _values(row: dict[str, str | None]) -> sql.Composable:
    """Texts without a type: PostgreSQL reads each as its column's."""
    return sql.SQL(", ").join(
        sql.NULL if value is None else sql.SQL("{}").format(sql.Literal(value))
        for value in row.values()
    )


def _described(new: Session, transaction: Transaction, reason: str) -> dict[str, Any]:
    return {
        "commit_lsn": transaction.commit_lsn,
        "reason": reason,
        "changes": [
            {
                "action": change.action,
                "table": change.table,
                "key": change.key,
                "lost": change.row,
                "now": _current(new, change),
            }
            for change in transaction.changes
        ],
    }


def _current(new: Session, change: Change) -> str | None:
    """The row as the new master has it, as JSON; None where it has none."""
    if not change.key:
        return None
    where = sql.SQL(" AND ").join(
        sql.SQL("{}::text = {}").format(sql.Identifier(name), sql.Literal(value))
        for name, value in change.key.items()
    )
    return new.value(
        sql.SQL("SELECT to_jsonb(t)::text FROM {} t WHERE {}").format(
            catalog.qualified(change.table), where
        )
    )

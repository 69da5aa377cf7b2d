"""Transactions of a lost master, applied on the new one in order, each as a whole and once."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterator
from typing import Any

import psycopg
from psycopg import sql

from service.operations import catalog, replication
from service.operations.changes import CARRIED_OVER, Identity, Row, RowChange, Transaction, peek
from service.operations.operator import NodeSession
from service.operations.promotion import Promotion, reconciliation_slot

_MAY_BE_HERE = "how far it had arrived could not be read: it may be here, or be older"


class _RowNotThereError(Exception):
    """A change of a row that is not there; names it."""


class CarryOver:
    """Applies a lost master's transactions, or sets them aside and keeps them for a person.

    `doubtful`, by where they committed, are set aside in any case: they may be there. `outcomes`
    has an entry per transaction, by where it committed: None where it was applied, else what was
    set aside. A batch is one transaction. Users' writes wait for it, and reads go on: nothing comes
    between the look at what is newer and what is applied.
    """

    def __init__(
        self, new: NodeSession, promotion: Promotion, *, doubtful: Collection[str] = ()
    ) -> None:
        self.outcomes: dict[str, dict[str, Any] | None] = {}
        self._new = new
        self._doubtful = doubtful
        self._promotion = promotion
        self._aside: set[Identity] = set()

    def apply(self, batch: list[Transaction]) -> None:
        """Apply or set aside each of the next transactions, as far as no earlier run has.

        A connection that breaks, or a lock that is not had in time, is raised and leaves nothing
        of the batch: the next run tries again.
        """
        with self._new.transaction():
            self._new.change(
                "LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE",
                sql.SQL(", ").join(map(catalog.qualified, catalog.tables(self._new))),
            )
            self._new.change("SET CONSTRAINTS ALL IMMEDIATE")
            self._new.change("SELECT pg_logical_emit_message(true, {}, '')", CARRIED_OVER)
            self.outcomes |= self._known()
            newer, reason = self._newer()
            newer |= self._aside
            for transaction in batch:
                if transaction.commit_lsn not in self.outcomes:
                    obstacle = reason or (
                        _MAY_BE_HERE if transaction.commit_lsn in self._doubtful else None
                    )
                    obstacle = obstacle or _obstacle(transaction, newer)
                    obstacle = obstacle or self._applied(transaction)
                    self._record(transaction, obstacle)
                if self.outcomes[transaction.commit_lsn] is not None:
                    self._aside |= _touched([transaction])
                    newer |= self._aside

    def _known(self) -> dict[str, Any]:
        """Return what earlier runs did."""
        return dict(
            self._new.rows(
                "SELECT commit_lsn::text, set_aside FROM operations.reconciled"
                " WHERE promotion = %s",
                self._promotion.id,
            )
        )

    def _newer(self) -> tuple[set[Identity], str | None]:
        """Return the rows that users wrote since the promotion, or why nothing can be applied."""
        if self._promotion.known_by is None:
            return set(), _MAY_BE_HERE
        memory = reconciliation_slot(self._promotion.lost)
        if not replication.has_slot(self._new, memory):
            return set(), f"the slot '{memory}' is gone, and with it what was written here since"
        return _touched(peek(self._new, memory)), None

    def _applied(self, transaction: Transaction) -> str | None:
        """Apply a transaction; return why it cannot be, with nothing of it there, or None."""
        try:
            with self._savepoint():
                for change in transaction.changes:
                    # No value is printed: rows are people's.
                    shown = f"{change.action.upper()} of {change.table} {change.key}"
                    if self._new.change(_statement(change), shown=shown) == 0:
                        raise _RowNotThereError(
                            f"{change.table} {change.key} is not on the new master"
                        )
        except psycopg.OperationalError:
            raise
        except (psycopg.Error, _RowNotThereError) as error:
            return str(error).splitlines()[0]
        return None

    @contextlib.contextmanager
    def _savepoint(self) -> Iterator[None]:
        self._new.change("SAVEPOINT one")
        try:
            yield
        except (psycopg.Error, _RowNotThereError):
            if not self._new.connection.closed:
                self._new.change("ROLLBACK TO SAVEPOINT one")
            raise
        self._new.change("RELEASE SAVEPOINT one")

    def _record(self, transaction: Transaction, obstacle: str | None) -> None:
        at = transaction.commit_lsn
        self.outcomes[at] = None
        if obstacle is not None:
            changes = [self._described(change) for change in transaction.changes]
            self.outcomes[at] = {"commit_lsn": at, "reason": obstacle, "changes": changes}
        kept = json.dumps(self.outcomes[at]) if obstacle else None
        self._new.change(
            "INSERT INTO operations.reconciled (promotion, commit_lsn, set_aside)"
            " VALUES ({}, {}, {})",
            *(self._promotion.id, at, kept),
            shown=f"INSERT of the transaction at {at}: {obstacle or 'carried over'}",
        )

    def _described(self, change: RowChange) -> dict[str, Any]:
        """Return a change with the row on both sides, as JSON on the new master's."""
        return {
            "action": change.action,
            "table": change.table,
            "key": change.key,
            "lost": change.row,
            "now": self._current(change),
        }

    def _current(self, change: RowChange) -> str | None:
        if not change.key or change.table not in catalog.tables(self._new):
            return None
        where = sql.SQL(" AND ").join(
            sql.SQL("{}::text = {}").format(sql.Identifier(name), value)
            for name, value in change.key.items()
        )
        return self._new.value(
            sql.SQL("SELECT to_jsonb(t)::text FROM {} t WHERE {}").format(
                catalog.qualified(change.table), where
            )
        )


def _touched(transactions: list[Transaction]) -> set[Identity]:
    """Return the rows of transactions that users made; of a truncated table the table itself."""
    return {
        identity
        for transaction in transactions
        if CARRIED_OVER not in transaction.marks
        for change in transaction.changes
        for identity in change.identities
    }


def _obstacle(transaction: Transaction, newer: set[Identity]) -> str | None:
    """Return why a transaction may not be applied, or None."""
    for change in transaction.changes:
        if change.action == "truncate":
            return f"it empties {change.table}"
        if (change.table, ()) in newer or change.identities & newer:
            return f"{change.table} {change.key} was written on the new master, or set aside"
    return None


def _statement(change: RowChange) -> sql.Composable:
    table = catalog.qualified(change.table)
    if change.action == "insert":
        return sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({})").format(
            table, catalog.named(list(change.row)), _values(change.row)
        )
    where = sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), value) for name, value in change.key.items()
    )
    if change.action == "delete":
        return sql.SQL("DELETE FROM {} WHERE {}").format(table, where)
    return sql.SQL("UPDATE {} SET ({}) = ROW({}) WHERE {}").format(
        table, catalog.named(list(change.row)), _values(change.row), where
    )


def _values(row: Row) -> sql.Composable:
    """Texts without a type: PostgreSQL reads each as its column's."""
    return sql.SQL(", ").join(map(sql.Literal, row.values()))

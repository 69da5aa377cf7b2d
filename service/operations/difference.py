"""A subscriber made what its publisher is, by the difference alone, and subscribed from there on.

A slot is made with the snapshot of its place. In one transaction the subscriber becomes what that
snapshot shows, row by row where they differ, and subscribes to the slot: nothing is copied that is
alike, nothing is missed, nothing comes twice. Killed before its commit, nothing has happened on the
subscriber, and a slot that nobody reads is made anew.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from service.operations import catalog, replication, slots, table_repair
from service.operations.node import Link
from service.operations.operator import NodeSession, Operator, print_statement


def subscribe_by_difference(
    operator: Operator, link: Link, *, also: Callable[[], None] = lambda: None
) -> dict[str, dict[str, int]]:
    """Make the slot and the subscription of a direction anew, and the subscriber's tables alike.

    Rows that the subscriber has otherwise than its publisher, or that the publisher never had, are
    kept in `operations.set_aside` there before they change. `also` happens in the subscriber's
    transaction. Returns how many rows of each table were added, changed and removed.
    """
    source, subscriber = operator.on(link.publisher.name), operator.on(link.subscriber.name)
    if replication.exists(subscriber, link.name):
        replication.drop_subscription(subscriber, link.name)
    slots.drop(operator, link.publisher.name, link.name)
    with (
        closing(_Snapshot(source, link)) as snapshot,
        snapshot.seen_by(source),
        subscriber.transaction(),
    ):
        # As replication itself writes: triggers and references are the publisher's to keep.
        subscriber.change("SET LOCAL session_replication_role = replica")
        table_repair.provide(subscriber)
        repaired = {
            table: table_repair.repair(source, subscriber, table)
            for table in catalog.tables(source)
        }
        also()
        replication.make_subscription(operator, link)
    return repaired


class _Snapshot:
    """A new slot's own view of its publisher, for as long as the connection that made it stays."""

    def __init__(self, source: NodeSession, link: Link) -> None:
        self.name = ""
        self._connection: psycopg.Connection[Any] | None = None
        failover = "true" if replication.keeps_slots(source) else "false"
        text = (
            f'CREATE_REPLICATION_SLOT "{link.name}" LOGICAL pgoutput'
            f" (SNAPSHOT 'export', FAILOVER {failover})"
        )
        print_statement(f"/* {source.node.name} */ {text};")
        source.perform(text, lambda: self._make(link, text))

    def _make(self, link: Link, text: str) -> None:
        # Only a connection that replicates can export the snapshot; the replicator may.
        dsn = make_conninfo(link.publisher.publisher_dsn, replication="database")
        self._connection = psycopg.connect(dsn, autocommit=True)
        [(_, _, self.name, _)] = self._connection.execute(text.encode()).fetchall()

    def seen_by(self, source: NodeSession) -> _Seen:
        return _Seen(source, self.name)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


class _Seen:
    """A transaction on the publisher in which everything is as the snapshot shows it."""

    def __init__(self, source: NodeSession, name: str) -> None:
        self._source, self._name = source, name

    def __enter__(self) -> None:
        connection = self._source.connection
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if self._name:  # not in a dry run
            connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(self._name))

    def __exit__(self, *_: object) -> None:
        if not self._source.connection.closed:
            self._source.connection.execute("ROLLBACK")

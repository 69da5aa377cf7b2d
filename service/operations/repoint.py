"""The follower takes another master: what differs is put right, and it goes on from there.

A slot is made on the new master with the snapshot of its place. In one transaction the follower
becomes what that snapshot shows, row by row where they differ, and subscribes to the slot: nothing
is copied that is alike, nothing is missed, nothing comes twice. Killed before its commit, nothing
has happened on the follower, and a slot that nobody reads is made anew.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from service.operations import catalog, replication, schema, slots, table_repair
from service.operations.detection import answers
from service.operations.fence import MASTERS
from service.operations.node import Link, RefusedError, following
from service.operations.operator import Operator, Session, tell

FOLLOWER = "follower"


def repoint(operator: Operator, to: str) -> dict[str, Any]:
    """Let the follower subscribe to master `to` from now on.

    Rows that the follower has otherwise than `to`, or that `to` never had, are kept in
    `operations.set_aside` there before they change: of a lost master they may be the last copy.
    Returns how many rows of each table were added, changed and removed by this run, and how many
    are set aside. Run again it changes nothing. RefusedError where `to` is a standby, or has
    another version than the follower.
    """
    if to not in MASTERS:
        raise RefusedError(f"'to' should be one of {', '.join(MASTERS)}, got '{to}'")
    link = following(operator.node(to), operator.node(FOLLOWER))
    source, follower = operator.on(to), operator.on(FOLLOWER)
    if source.value("SELECT pg_is_in_recovery()"):
        raise RefusedError(f"{to} is a standby: promote it first")
    versions = schema.version(source), schema.version(follower)
    if versions[0] != versions[1]:
        raise RefusedError(
            f"{to} has version {versions[0]} and {FOLLOWER} {versions[1]}: migrate both first"
        )
    others = [following(operator.node(name), link.subscriber) for name in MASTERS if name != to]
    for other in others:
        _stand_still(operator, follower, other)
    repaired: dict[str, Any] = {}
    if not _subscribed(source, follower, link):
        repaired = _subscribe(operator, source, follower, link)
    for other in others:
        _leave(operator, follower, other)
    operator.forget_whom_it_follows()
    if not operator.dry_run:  # nothing is there to go on
        replication.resume(operator, link)
        replication.wait_established(operator, link)
    return {"tables": repaired, "set_aside": table_repair.set_aside(follower)}


def _subscribed(source: Session, follower: Session, link: Link) -> bool:
    """Whether the transaction of an earlier run was committed, and its slot is still there."""
    return replication.exists(follower, link.name) and replication.has_slot(source, link.name)


def _stand_still(operator: Operator, follower: Session, other: Link) -> None:
    """Apply nothing more of the old master; what has arrived is applied first."""
    replication.switch_off(follower, other)
    operator.wait(
        lambda: (
            not follower.value(
                "SELECT count(*) FROM pg_stat_subscription WHERE subname = %s AND pid IS NOT NULL",
                other.name,
            )
        ),
        f"'{other.name}' applies nothing any more",
    )


def _subscribe(
    operator: Operator, source: Session, follower: Session, link: Link
) -> dict[str, dict[str, int]]:
    if replication.exists(follower, link.name):
        replication.drop_subscription(follower, link.name)
    _drop_slot(operator, source, link.name)
    with (
        closing(_Snapshot(source, link)) as snapshot,
        snapshot.seen_by(source),
        follower.transaction(),
    ):
        # As replication itself writes: triggers and references are the publisher's to keep.
        follower.change("SET LOCAL session_replication_role = replica")
        table_repair.provide(follower)
        repaired = {
            table: table_repair.repair(source, follower, table) for table in catalog.tables(source)
        }
        replication.make_subscription(operator, link)
    return repaired


def _leave(operator: Operator, follower: Session, other: Link) -> None:
    """Forget the old master; where it answers, it must not keep its log for nobody."""
    if replication.exists(follower, other.name):
        replication.drop_subscription(follower, other.name)
    if answers(operator, other.publisher.name):
        _drop_slot(operator, operator.on(other.publisher.name), other.name)


def _drop_slot(operator: Operator, session: Session, slot: str) -> None:
    if not replication.has_slot(session, slot):
        return
    operator.wait(lambda: not slots.is_active(session, slot), f"nobody reads '{slot}'")
    session.change(sql.SQL("SELECT pg_drop_replication_slot({})").format(sql.Literal(slot)))


class _Snapshot:
    """A new slot's own view of its publisher, for as long as the connection that made it stays."""

    def __init__(self, source: Session, link: Link) -> None:
        self.name = ""
        self._connection: psycopg.Connection[Any] | None = None
        failover = "true" if replication.keeps_slots(source) else "false"
        text = (
            f'CREATE_REPLICATION_SLOT "{link.name}" LOGICAL pgoutput'
            f" (SNAPSHOT 'export', FAILOVER {failover})"
        )
        tell(f"/* {source.node.name} */ {text};")
        source.perform(text, lambda: self._make(link, text))

    def _make(self, link: Link, text: str) -> None:
        # Only a connection that replicates can export the snapshot; the replicator may.
        dsn = make_conninfo(link.publisher.publisher_dsn, replication="database")
        self._connection = psycopg.connect(dsn, autocommit=True)
        [(_, _, self.name, _)] = self._connection.execute(text.encode()).fetchall()

    def seen_by(self, source: Session) -> _Seen:
        return _Seen(source, self.name)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


class _Seen:
    """A transaction on the publisher in which everything is as the snapshot shows it."""

    def __init__(self, source: Session, name: str) -> None:
        self._source, self._name = source, name

    def __enter__(self) -> None:
        connection = self._source.connection
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if self._name:  # not in a dry run
            connection.execute(
                sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(self._name))
            )

    def __exit__(self, *_: object) -> None:
        if not self._source.connection.closed:
            self._source.connection.execute("ROLLBACK")

"""A master is lost: its own reader takes over, or, only if its cluster is gone, the other master.

A reader of the same cluster has every acknowledged write, the other master has all but the last
moment of logical replication. So the reader is first, and the other master is taken only when no
reader answers; the lost master is then cut off until `reconcile` has looked at it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.operations import aurora, replication, slots, survey
from service.operations.detection import answers, is_lost
from service.operations.fence import MASTERS, fence, unfence
from service.operations.node import DeclinedError, Link
from service.operations.operator import NodeSession, Operator, print_event
from service.operations.sequences import GAP, raise_sequences


def promote_reader(operator: Operator, master: str, *, rds: Any = None) -> str:
    """Let a reader of a lost master's own cluster take over; nothing acknowledged is lost.

    In Aurora the RDS API does it (`rds` is a boto3 client); elsewhere the reader that has received
    most is promoted. Returns who was promoted; DeclinedError where the master answers or no reader
    does. Promoted already, it stays so; a cluster of Aurora whose name takes writes is such.
    """
    node = operator.node(master)
    answering = [reader for reader in node.readers if answers(operator, reader)]
    for reader in answering:
        if not _in_recovery(operator, reader):
            return reader  # an earlier call's work
    if not is_lost(operator, master):
        if node.cluster is not None and aurora.writes(operator, master):
            return aurora.nothing_to_do(rds, node)
        raise DeclinedError(f"{master} answers: to move the writer, use move")
    if node.cluster is not None:
        return aurora.fail_over(operator, rds, master)
    if not answering:
        raise DeclinedError(f"no reader of {master} answers: promote the other master")
    most = max(answering, key=lambda reader: _received(operator, reader))
    operator.on(most).change("SELECT pg_promote(true, 60)")
    operator.wait(lambda: not _in_recovery(operator, most), f"{most} takes writes")
    print_event({"lost": master, "promoted": most, "next": ["heal"]})
    return most


def promote_other(operator: Operator, lost: str) -> str:
    """Let the other master take writes, because the cluster of the lost one is gone.

    What the lost one acknowledged and had not sent is missing until `reconcile`. DeclinedError
    where the master or a reader of its own answers.
    """
    [other] = [name for name in MASTERS if name != lost]
    for name in (lost, *operator.node(lost).readers):
        if not is_lost(operator, name):
            raise DeclinedError(f"{name} answers, and has everything: promote it, or move")
    from_lost, to_lost = operator.link(lost, other), operator.link(other, lost)
    session = operator.on(other)
    # What has arrived is applied before the worker finds that its publisher is gone.
    operator.wait(
        lambda: not _applying(operator, other, from_lost.name), f"{other} has applied what it got"
    )
    replication.switch_off(session, from_lost)
    _remember(operator, other, from_lost)
    slots.drop(operator, other, to_lost.name)  # should it return, the lost one receives nothing
    raise_sequences(session, gap=GAP)
    unfence(operator, other, peer_is_lost=True)
    then = [f"repoint {other}"] if "follower" in operator.nodes else []
    print_event(
        {"lost": lost, "promoted": other, "next": [*then, f"reconcile {lost} when it answers"]}
    )
    return other


def move(operator: Operator, to: str) -> None:
    """Let the other master take the writes, with nothing lost: planned, both masters there."""
    [source] = [name for name in MASTERS if name != to]
    survey.require(operator.on(source))
    fence(operator, source)
    slots.drain(operator, source)
    if not slots.is_subscribed(operator, operator.link(source, to).name):
        raise DeclinedError(f"{to} does not follow {source}: resume it first")
    raise_sequences(operator.on(to))
    unfence(operator, to)


def reconciliation_slot(lost: str) -> str:
    return f"{lost.replace('-', '_')}_reconcile"


def _remember(operator: Operator, other: str, from_lost: Link) -> None:
    """Record how far the lost master's transactions arrived, and keep what is written from now on.

    What arrived is a prefix of them. What is written later is kept in a slot that nobody reads:
    `reconcile` finds in it which rows changed on both. The row is last: a slot that is gone
    afterwards is not made again, for a new one would not have all.
    """
    session, lost = operator.on(other), from_lost.publisher.name
    operator.wait(
        lambda: not slots.is_applying(session, from_lost.name),
        f"{other} applies nothing of {lost} any more",
    )
    if open_promotion(session, lost) is not None:
        return
    if not replication.has_slot(session, reconciliation_slot(lost)):
        replication.make_slot(session, reconciliation_slot(lost))
    arrived = slots.progress(session, from_lost.name)
    commits = slots.newest_commits(session, from_lost.name) if arrived is None else []
    session.change(
        "INSERT INTO operations.promotion (lost, arrived, commits)"
        " VALUES ({}, {}, {}::timestamptz[])",
        lost,
        arrived,
        commits,
    )


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """A master that took a lost one's place, which is not rebuilt yet.

    What committed on the lost one before `arrived`, a place in its log, is here. Where the server
    did not let that be read it is None, and `commits` are the times at which the newest of what is
    here was committed there; neither is known where both are empty.
    """

    id: int
    lost: str
    arrived: str | None
    commits: frozenset[datetime] = frozenset()

    @property
    def known_by(self) -> str | None:
        """Return how it is known what arrived: origin, or commit times; None where it is not."""
        if self.arrived is not None:
            return "origin"
        return "commit times" if self.commits else None


def open_promotion(session: NodeSession, lost: str) -> Promotion | None:
    """Return the promotion of this master in a lost one's place, or None."""
    rows = session.rows(
        "SELECT id, arrived::text, commits FROM operations.promotion WHERE lost = %s AND NOT over",
        lost,
    )
    if not rows:
        return None
    number, arrived, commits = rows[0]
    return Promotion(id=number, lost=lost, arrived=arrived, commits=frozenset(commits))


def _applying(operator: Operator, name: str, subscription: str) -> bool:
    return bool(
        operator.on(name).value(
            "SELECT count(*) FROM pg_stat_subscription WHERE subname = %s AND pid IS NOT NULL"
            " AND received_lsn IS NOT NULL",
            subscription,
        )
    )


def _in_recovery(operator: Operator, name: str) -> bool:
    return bool(operator.on(name).value("SELECT pg_is_in_recovery()"))


def _received(operator: Operator, reader: str) -> int:
    return operator.on(reader).value(
        "SELECT (greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0')::bigint"
    )

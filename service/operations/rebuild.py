"""A master made anew from a clone of the other: after it was lost, or had a slot dropped on it.

1. `prepare` on the source: what the old one left behind goes, and a slot begins to keep changes.
2. A clone of the source is made where the target is to be (Aurora: copy-on-write restore).
3. `finish` on the clone: it becomes the other master, from exactly where it was taken.
"""

from __future__ import annotations

import contextlib

import psycopg
from psycopg import sql

from service.operations import replication, rights, slots
from service.operations.fence import MASTERS
from service.operations.node import DeclinedError, Link
from service.operations.operator import NodeSession, Operator
from service.operations.promotion import reconciliation_slot


def prepare(operator: Operator, target: str) -> None:
    """Make the source ready to be cloned into `target`; the old target need not be there.

    Until `finish`, the source keeps everything that is written. Run again it changes nothing:
    every clone that is taken in between will do.
    """
    source, forth, back = _parts(operator, target)
    session = operator.on(source)
    if _clone(session, target) is not None:
        return
    # An old target that is still there would read the new slot, and the clone lack what it read.
    with contextlib.suppress(psycopg.OperationalError):
        replication.switch_off(operator.on(target), forth)
    if replication.exists(session, back.name):
        replication.drop_subscription(session, back.name)
    for slot in (forth.name, reconciliation_slot(target)):
        slots.drop(operator, source, slot)
    session.change(
        "UPDATE operations.promotion SET over = true WHERE lost = {} AND NOT over", target
    )
    replication.make_slot(session, forth.name)
    # The clone carries this row: a server without it is no clone taken since.
    session.change(
        "INSERT INTO operations.clone (target, token) VALUES ({}, gen_random_uuid())", target
    )


def finish(operator: Operator, target: str) -> None:
    """Make a fresh clone of the source the other master, fenced, and link both directions.

    DeclinedError where the target is no clone that was taken after `prepare`.
    """
    source, forth, back = _parts(operator, target)
    session, clone = operator.on(source), operator.on(target)
    token = _clone(session, target)
    if token is None:
        if replication.exists(clone, forth.name):
            return  # finished before
        raise DeclinedError(f"{source} was not prepared to be cloned into {target}: prepare")
    if _clone(clone, target) != token:
        raise DeclinedError(f"{target} is no clone of {source} taken since prepare: clone again")
    taken_at = _taken_at(clone)
    if not rights.is_fenced(clone):
        rights.revoke_unrecorded(clone)
    linked = replication.exists(clone, forth.name)
    _forget_inheritance(operator, clone, keep={forth.name, back.name} if linked else set())
    if not linked:
        # Everything up to here is in the clone.
        slots.set_floor(session, forth.name, sql.SQL("{}::pg_lsn").format(taken_at))
        session.change("SELECT pg_replication_slot_advance({}, {}::pg_lsn)", forth.name, taken_at)
        replication.make_subscription(operator, forth)
    if not replication.has_slot(clone, back.name):
        replication.make_slot(clone, back.name)
    if not replication.exists(session, back.name):
        replication.make_subscription(operator, back)
    for link in (forth, back):
        replication.wait_established(operator, link)
    session.change("DELETE FROM operations.clone WHERE target = {}", target)


def _parts(operator: Operator, target: str) -> tuple[str, Link, Link]:
    if target not in MASTERS:
        raise DeclinedError(f"'target' should be one of {', '.join(MASTERS)}, got '{target}'")
    [source] = [name for name in MASTERS if name != target]
    return source, operator.link(source, target), operator.link(target, source)


def _clone(session: NodeSession, target: str) -> str | None:
    return session.value("SELECT token::text FROM operations.clone WHERE target = %s", target)


def _taken_at(clone: NodeSession) -> str:
    """Return up to where of the source's log the clone is; kept, because a restart forgets."""
    kept = clone.value("SELECT taken_at::text FROM operations.clone WHERE taken_at IS NOT NULL")
    if kept is not None:
        return kept
    aurora = clone.value("SELECT to_regproc('aurora_volume_logical_start_lsn') IS NOT NULL")
    ask = "aurora_volume_logical_start_lsn()" if aurora else "pg_last_wal_replay_lsn()"
    found = clone.value(f"SELECT {ask}::text")
    if found is None:
        raise DeclinedError(f"{clone.node.name} does not know where it was cloned: clone again")
    clone.change("UPDATE operations.clone SET taken_at = {}::pg_lsn", found)
    return found


def _forget_inheritance(operator: Operator, clone: NodeSession, keep: set[str]) -> None:
    """The source's own subscriptions and slots, which an Aurora clone has as well."""
    for name in clone.column(
        "SELECT subname FROM pg_subscription WHERE subdbid ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())"
    ):
        if name not in keep:
            replication.drop_subscription(clone, name)
    for name in clone.column(
        "SELECT slot_name FROM pg_replication_slots WHERE slot_type = 'logical'"
        " AND database = current_database()"
    ):
        if name not in keep:
            slots.drop(operator, clone.node.name, name)

"""Logical replication slots of a publisher: what they hold back, and how they pass a migration."""

from __future__ import annotations

from datetime import datetime

import psycopg
from psycopg import sql

from service.operations import rights, schema
from service.operations.node import PUBLICATION, DeclinedError
from service.operations.operator import NodeSession, Operator

_PENDING = """
SELECT count(*) FROM pg_logical_slot_peek_binary_changes(
    %s, NULL, 1, 'proto_version', '1', 'publication_names', %s, 'origin', %s)
"""
_PROGRESS = """
SELECT coalesce(pg_replication_origin_progress('pg_' || oid, true), '0/0')::text
FROM pg_subscription WHERE subname = %s
"""
# When the newest transactions of a subscription were committed on its publisher, as its own commits
# of them keep it: the furthest back that is looked at, and as many as could change their order.
_COMMITS = """
SELECT array_agg(DISTINCT at) FROM (
    SELECT c.timestamp AS at
    FROM generate_series(pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
        pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1000000, -1) AS x
    CROSS JOIN LATERAL
        pg_xact_commit_timestamp_origin(greatest(x & 4294967295, 3)::text::xid) AS c
    JOIN pg_replication_origin o ON o.roident = c.roident
    JOIN pg_subscription s ON o.roname = 'pg_' || s.oid
    WHERE s.subname = %s ORDER BY x DESC LIMIT 1000) AS found
"""
# Who has written and not ended: open transactions with an id, and prepared ones. And who may be
# about to: a statement is asked for its rights once, behind its table's lock, and has no id before
# its first row. A lock that is had after the REVOKE was committed finds it.
_WRITING = """
SELECT pid, usename FROM pg_stat_activity a
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
AND (backend_xid IS NOT NULL OR EXISTS (
    SELECT FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
    WHERE l.pid = a.pid AND l.granted AND c.relnamespace = 'public'::regnamespace
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
                   'AccessExclusiveLock')))
UNION ALL
SELECT 0, owner FROM pg_prepared_xacts WHERE database = current_database()
"""


def of(operator: Operator, publisher: str) -> dict[str, str]:
    """Return the slots that stand on this node, each with the origin that its subscriber takes."""
    wanted = {link.name: link.origin for link in operator.links_of(publisher=publisher)}
    standing = operator.on(publisher).column(
        "SELECT slot_name FROM pg_replication_slots WHERE slot_name = ANY (%s)", list(wanted)
    )
    return {name: wanted[name] for name in standing}


def is_active(session: NodeSession, slot: str) -> bool:
    return bool(session.value("SELECT active FROM pg_replication_slots WHERE slot_name = %s", slot))


def is_subscribed(operator: Operator, slot: str) -> bool:
    """Return whether the subscription of a slot is on, though it may be starting just now.

    One of a node that is away is not: whether it reads its slot is seen at the slot.
    """
    subscriber = operator.link_named(slot).subscriber.name
    if subscriber in operator.away:
        return False
    return bool(
        operator.on(subscriber).value(
            "SELECT subenabled FROM pg_subscription WHERE subname = %s", slot
        )
    )


def holds_changes(session: NodeSession, slot: str, origin: str) -> bool:
    """Return whether a slot that nobody reads still has a row for its subscriber."""
    return session.value(_PENDING, slot, PUBLICATION, origin) > 0


def require_empty(operator: Operator, node: str) -> None:
    """DeclinedError unless every subscriber of a node is paused and has received everything."""
    session = operator.on(node)
    for slot, origin in of(operator, node).items():
        if is_active(session, slot) or is_subscribed(operator, slot):
            raise DeclinedError(
                f"'{slot}' of {node} is being read: pause it, or a migration is replicated"
            )
        if slot not in schema.owed_advances(session) and holds_changes(session, slot, origin):
            raise DeclinedError(
                f"'{slot}' of {node} holds changes that its subscriber has not got: resume it, "
                "drain, pause again"
            )


def drain(operator: Operator, node: str, *, terminate_after: float | None = None) -> None:
    """Wait until no writer's transaction is open on a fenced node and every subscriber has all.

    What is still open after `terminate_after` seconds is ended, and with it rolled back; without
    that, it is waited for. Raises DeclinedError on a node that takes writes, TimeoutError naming
    what is open after the timeout. Paused subscribers are not waited for.
    """
    session = operator.on(node)
    if not rights.is_fenced(session):
        raise DeclinedError(f"{node} takes writes: fence it, or draining never ends")
    wait_until_written(operator, node, terminate_after=terminate_after)
    wait_until_received(operator, node)


def wait_until_received(operator: Operator, node: str) -> None:
    """Wait until every subscriber has what a node has written by now.

    Raises TimeoutError after the timeout. Paused subscribers are not waited for.
    """
    session = operator.on(node)
    # A commit of our own, which waits for the disk: one before it that did not is written with it.
    session.change("SELECT pg_logical_emit_message(true, 'mainstay.drain', '')")
    # What is written, not what is inserted: Aurora documents no insert path, and slots follow this.
    end = session.value("SELECT pg_current_wal_lsn()")
    for slot in of(operator, node):
        try:
            operator.wait(
                lambda slot=slot: (
                    not is_subscribed(operator, slot) or _confirmed(session, slot, end)
                ),
                f"'{slot}' of {node} has received everything",
            )
        except TimeoutError as error:
            raise TimeoutError(
                f"{error}: its subscriber has confirmed {_confirmed_lsn(session, slot)}, and "
                f"{node} has written up to {end}"
            ) from None


def wait_until_written(
    operator: Operator, node: str, *, terminate_after: float | None = None
) -> None:
    """Wait until no transaction that has written, or still may, is open on a node."""
    session = operator.on(node)
    ended = f"no transaction that has written, or still may, is open on {node}"
    try:
        operator.wait(lambda: not session.rows(_WRITING), ended, seconds=terminate_after)
    except TimeoutError:
        if terminate_after is None:
            raise
        for pid in session.column(f"SELECT pid FROM ({_WRITING}) AS writing WHERE pid > 0"):
            session.change("SELECT pg_terminate_backend({})", pid)
        operator.wait(lambda: not session.rows(_WRITING), ended)


def drop(operator: Operator, publisher: str, slot: str) -> None:
    """Drop a slot where it is, when nobody reads it any more."""
    session = operator.on(publisher)
    if session.value("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s", slot) is None:
        return
    operator.wait(
        lambda: not is_active(session, slot), f"nobody reads the slot '{slot}' of {publisher}"
    )
    session.change("SELECT pg_drop_replication_slot({})", slot)


def is_applying(session: NodeSession, subscription: str) -> bool:
    """Return whether a worker of a subscription still runs, which may be about to apply more."""
    return bool(
        session.value(
            "SELECT count(*) FROM pg_stat_subscription WHERE subname = %s AND pid IS NOT NULL",
            subscription,
        )
    )


def progress(session: NodeSession, subscription: str) -> str | None:
    """Return up to where of its publisher's log a subscription has applied everything, durably.

    0/0 where nothing was ever applied; None where the administrator may not read it.
    """
    try:
        return session.value(_PROGRESS, subscription)
    except psycopg.errors.InsufficientPrivilege:
        return None


def newest_commits(session: NodeSession, subscription: str) -> list[datetime]:
    """Return when the newest transactions that a subscription applied were committed at its source.

    The newest is among them. [] where none is found, or the server keeps no commit times.
    """
    try:
        return session.value(_COMMITS, subscription) or []
    except psycopg.errors.ObjectNotInPrerequisiteState:
        return []


def tells_arrival(session: NodeSession, subscription: str) -> bool:
    """Return whether it can be read how far a subscription has applied, by either way."""
    return progress(session, subscription) is not None or session.value(
        "SELECT current_setting('track_commit_timestamp', true) = 'on'"
    )


def set_floor(session: NodeSession, slot: str, lsn: sql.Composable) -> None:
    """Record that a slot was led to a place: what is before it is in the subscriber already."""
    session.change(
        "INSERT INTO operations.slot_floor (slot, lsn) VALUES ({0}, {1})"
        " ON CONFLICT (slot) DO UPDATE SET lsn = greatest(slot_floor.lsn, EXCLUDED.lsn)",
        slot,
        lsn,
    )


def floor(session: NodeSession, slot: str) -> str:
    """Return the place that a slot was led to, or 0/0."""
    return (
        session.value("SELECT lsn::text FROM operations.slot_floor WHERE slot = %s", slot) or "0/0"
    )


def _confirmed(session: NodeSession, slot: str, end: str) -> bool:
    return bool(
        session.value(
            "SELECT confirmed_flush_lsn >= %s::pg_lsn FROM pg_replication_slots"
            " WHERE slot_name = %s",
            end,
            slot,
        )
    )


def _confirmed_lsn(session: NodeSession, slot: str) -> str | None:
    return session.value(
        "SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = %s", slot
    )


def owe_advance(session: NodeSession, slot: str, version: int) -> None:
    """Record that a slot has to be led past this transaction before anyone writes again."""
    session.change(
        "INSERT INTO operations.advance (slot, version) VALUES ({0}, {1})"
        " ON CONFLICT (slot) DO UPDATE SET version = {1}",
        slot,
        version,
    )


def advance(operator: Operator, node: str) -> list[str]:
    """Lead the slots of a node past its migration: subscribers run the same one themselves.

    Nothing else is skipped: the node was fenced and the slots empty when the migration began, and
    `unfence` refuses until this is done. Returns the slots that were led.
    """
    session = operator.on(node)
    owed = schema.owed_advances(session)
    if owed and not rights.is_fenced(session):
        raise DeclinedError(f"{node} takes writes already: advancing would skip them; rebuild")
    standing = of(operator, node)
    for slot in owed:
        if slot in standing:
            set_floor(session, slot, sql.SQL("pg_current_wal_lsn()"))
            session.change("SELECT pg_replication_slot_advance({}, pg_current_wal_lsn())", slot)
        session.change("DELETE FROM operations.advance WHERE slot = {}", slot)
    return owed

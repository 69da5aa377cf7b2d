"""The time-delayed replica: what a mistaken statement destroyed is still there, for an hour.

Promoting it would apply the mistake: pending changes are replayed first, paused or not. So it is
never promoted here. It is led to just before the mistake, stays readable there, gives back what
was lost, and goes on following.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from psycopg import sql

from service.operations.node import DeclinedError
from service.operations.operator import NodeSession, Operator
from service.operations.standby import (
    lost_track,
    reclone_standby,
    require_superuser,
    restart,
    wait_for,
)

_STATE = """
SELECT pg_is_in_recovery(),
       CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() END,
       pg_last_wal_receive_lsn()::text,
       pg_last_wal_replay_lsn()::text,
       pg_last_xact_replay_timestamp()::text,
       extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8,
       (SELECT setting::float8 / 1000 FROM pg_settings WHERE name = 'recovery_min_apply_delay'),
       current_setting('recovery_target_lsn'),
       current_setting('recovery_target_time')
"""
_DELAY = "recovery_min_apply_delay"
_TARGETS = ("recovery_target_lsn", "recovery_target_time")
_HOW = ("recovery_target_inclusive", "recovery_target_action")
_LSN = re.compile(r"[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}")


def state(operator: Operator, node: str) -> dict[str, Any]:
    """Where the replica is: how far it has received and replayed, and what it is told to do.

    `delay_seconds` is the age of what it replayed last, `configured_seconds` what it is set to.
    """
    names = (
        *("in_recovery", "replay", "received_lsn", "replayed_lsn", "replayed_until"),
        *("delay_seconds", "configured_seconds", "target_lsn", "target_time"),
    )
    return dict(zip(names, operator.on(node).rows(_STATE)[0], strict=True))


def pause(operator: Operator, node: str) -> dict[str, Any]:
    """Replay nothing more, from the next record on; it goes on receiving. Returns its state.

    `replay` is "paused", or "pause requested" while a record waits for its delay: PostgreSQL says
    paused only afterwards, and pauses before it applies that record.
    """
    session = _standby(operator, node)
    if session.value("SELECT pg_get_wal_replay_pause_state()") == "not paused":
        session.change("SELECT pg_wal_replay_pause()")
    return state(operator, node)


def candidates(operator: Operator, node: str, table: str, source: str) -> list[dict[str, Any]]:
    """Transactions that emptied a table, or deleted or changed rows of it, and still wait; largest
    first.

    Read from the log of `source`, which the replica follows and which keeps it for long enough.
    Recovering to `target_lsn` leaves the transaction out. Only where it is the very next one and
    emptied the table, the replica holds its lock already, and nobody reads the table there any
    more. DeclinedError where there is no such table.
    """
    following, replica = operator.on(source), operator.on(node)
    if following.value("SELECT 1 FROM pg_extension WHERE extname = 'pg_walinspect'") is None:
        following.change("CREATE EXTENSION pg_walinspect")
        if following.dry_run:
            return []
    # Where the rows are on either: a table that was emptied since has another file.
    places = {row for one in (following, replica) for row in one.rows(_PLACE, table)}
    if not places:
        raise DeclinedError(f"'{table}' is no table of {source}")
    redo, replayed = replica.rows(_REPLAYED)[0]
    rows = following.rows(
        _CANDIDATES,
        *(redo, replayed),
        [f"% rel %/{file.split('/')[-2]}/{file.split('/')[-1]} %" for _, file in places],
        "|".join(f"[^0-9]{oid}[^0-9]" for oid, _ in places),
    )
    names = ("transaction", "emptied", "rows", "target_lsn", "committed_at")
    return [dict(zip(names, row, strict=True)) for row in rows]


_PLACE = """
SELECT oid::text, pg_relation_filepath(oid) FROM pg_class
WHERE oid = to_regclass('public.' || quote_ident(%s))
"""
_REPLAYED = "SELECT redo_lsn::text, pg_last_wal_replay_lsn()::text FROM pg_control_checkpoint()"
# The delay holds back commits alone: of the one that is next, the changes are replayed already. So
# the look begins earlier, at the replica's last restart point; and where a transaction's beginning
# is passed, its commit is still a place to stop at. Its beginning is better: no lock of it is held.
_CANDIDATES = """
WITH input AS (
    SELECT %s::pg_lsn AS redo, %s::pg_lsn AS replayed, %s::text[] AS files, %s AS relation
), made AS (
    SELECT xid, replayed, min(start_lsn) AS began,
        coalesce(bool_or(record_type LIKE 'TRUNCATE%%' AND description || ' ' ~ relation), false)
            AS emptied,
        count(*) FILTER (WHERE resource_manager IN ('Heap', 'Heap2')
            AND record_type ~ '^(DELETE|UPDATE|HOT_UPDATE)'
            AND block_ref || ' ' LIKE ANY (files)) AS rows,
        min(start_lsn) FILTER (WHERE ended) AS committed,
        min(substring(description FROM '^[^;]+')) FILTER (WHERE ended) AS at
    FROM input,
        pg_get_wal_records_info(redo, pg_current_wal_flush_lsn()) AS record,
        LATERAL (SELECT resource_manager = 'Transaction' AND record_type = 'COMMIT') AS e (ended)
    GROUP BY xid, replayed
)
SELECT xid::text, emptied, rows,
    (CASE WHEN began >= replayed THEN began ELSE committed END)::text, trim(at)
FROM made WHERE committed >= replayed AND (emptied OR rows > 0)
ORDER BY emptied DESC, rows DESC, committed
"""


def recover(
    operator: Operator, node: str, *, lsn: str | None = None, time: str | None = None
) -> dict[str, Any]:
    """Lead the replica to just before a place in the log, or a time, and keep it there, readable.

    PostgreSQL is started again on it, which pauses nothing and loses nothing. Returns its state at
    the target; run again it changes nothing. DeclinedError where it has replayed further already.
    """
    require_superuser(wait_for(operator, node))
    session = _standby(operator, node)
    wanted = _target(session, lsn=lsn, time=time)
    if _running(session, wanted) != wanted:
        _require_ahead(session, lsn=lsn, time=time)
        pause(operator, node)  # no reload on the way lets the mistake in
        # One target alone: with two, be one of them empty, PostgreSQL does not start.
        for name in _TARGETS:
            if name not in wanted and _is_set(session, name):
                session.change("ALTER SYSTEM RESET {}", sql.Identifier(name))
        # The target first: without one, a restart with no delay would replay the mistake.
        for name, value in wanted.items():
            _set(session, name, value)
        restart(operator, node)
    operator.wait(
        lambda: state(operator, node)["replay"] == "paused", f"{node} has reached its target"
    )
    return state(operator, node)


def follow(
    operator: Operator, node: str, *, source: str = "follower", reclone: bool = False
) -> dict[str, Any]:
    """Back to following `source` with the delay of the replica's own configuration.

    One that was promoted, or that missed more than the source kept, cannot go back: with `reclone`
    it is copied from the source again, which deletes what it holds; without, DeclinedError. Run
    again it changes nothing.
    """
    session = wait_for(operator, node)
    if reason := lost_track(operator, node, source):
        if not reclone:
            raise DeclinedError(
                f"{reason}: with --reclone it is copied again, and what it holds goes"
            )
        reclone_standby(operator, node, of=source)
        return state(operator, node)
    # The delay first: with none, a restart would replay everything.
    for name in (_DELAY, *_TARGETS, *_HOW):
        if _is_set(session, name):
            session.change("ALTER SYSTEM RESET {}", sql.Identifier(name))
    found = state(operator, node)
    if found["target_lsn"] or found["target_time"]:
        restart(operator, node)
    elif found["configured_seconds"] == 0:
        session.change("SELECT pg_reload_conf()")
    if state(operator, node)["replay"] != "not paused":
        operator.on(node).change("SELECT pg_wal_replay_resume()")
    operator.wait(lambda: _follows(operator, node), f"{node} follows with its delay")
    return state(operator, node)


def _follows(operator: Operator, node: str) -> bool:
    found = state(operator, node)
    return found["replay"] == "not paused" and not found["target_lsn"] + found["target_time"]


def _running(session: NodeSession, names: Iterable[str]) -> dict[str, str]:
    """Return what the server obeys now: a file may say more than it knows."""
    return {name: session.value("SELECT current_setting(%s)", name) for name in names}


def _standby(operator: Operator, node: str) -> NodeSession:
    session = operator.on(node)
    if not session.value("SELECT pg_is_in_recovery()"):
        raise DeclinedError(f"{node} is no standby any more: it was promoted")
    return session


def _target(session: NodeSession, *, lsn: str | None, time: str | None) -> dict[str, str]:
    """The settings that lead there, in the order in which they are set."""
    if (lsn is None) == (time is None):
        raise DeclinedError("'lsn' or 'time' should be given, and not both")
    if lsn is not None and not _LSN.fullmatch(lsn):
        raise DeclinedError(f"'lsn' should be like 0/3000148, got '{lsn}'")
    if time is not None:
        time = session.value("SELECT %s::timestamptz::text", time)
    where = {"recovery_target_lsn": lsn} if lsn else {"recovery_target_time": str(time)}
    how = {"recovery_target_action": "pause", "recovery_target_inclusive": "off"}
    return {**how, **where, _DELAY: "0"}


def _require_ahead(session: NodeSession, *, lsn: str | None, time: str | None) -> None:
    passed = session.value(
        "SELECT pg_last_wal_replay_lsn() > %s::pg_lsn"
        " OR pg_last_xact_replay_timestamp() > %s::timestamptz",
        lsn,
        time,
    )
    if passed:
        raise DeclinedError(
            f"{session.node.name} has replayed past {lsn or time}: what it holds is newer; restore "
            "from a backup"
        )


def _set(session: NodeSession, name: str, value: str) -> None:
    session.change("ALTER SYSTEM SET {} = {}", sql.Identifier(name), value)


def _is_set(session: NodeSession, name: str) -> bool:
    """Return whether ALTER SYSTEM set it: the file may say more than the running server knows."""
    return bool(
        session.value(
            "SELECT count(*) FROM pg_file_settings WHERE name = %s"
            " AND sourcefile LIKE '%%postgresql.auto.conf'",
            name,
        )
    )

"""The time-delayed replica: what a mistaken statement destroyed is still there, for an hour.

Promoting it would apply the mistake: pending changes are replayed first, paused or not. So it is
never promoted here. It is led to just before the mistake, stays readable there, gives back what
was lost, and goes on following.
"""

from __future__ import annotations

import re
from typing import Any

from psycopg import sql

from service.operations import catalog
from service.operations.node import RefusedError
from service.operations.operator import Operator, Session

_STATE = """
SELECT pg_is_in_recovery(),
       pg_get_wal_replay_pause_state(),
       pg_last_wal_receive_lsn()::text,
       pg_last_wal_replay_lsn()::text,
       pg_last_xact_replay_timestamp()::text,
       extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8,
       (SELECT setting::float8 / 1000 FROM pg_settings WHERE name = 'recovery_min_apply_delay'),
       current_setting('recovery_target_lsn'),
       current_setting('recovery_target_time')
"""
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


def suspects(operator: Operator, node: str, table: str, source: str) -> list[dict[str, Any]]:
    """Transactions that deleted or changed rows of a table and wait to be replayed, largest first.

    Read from the log of `source`, which the replica follows. `target_lsn` is where the
    transaction's first change stands: recovering to it leaves the change out.
    """
    following = operator.on(source)
    if following.value("SELECT 1 FROM pg_extension WHERE extname = 'pg_walinspect'") is None:
        following.change("CREATE EXTENSION pg_walinspect")
    file = following.value("SELECT pg_relation_filepath(to_regclass(%s))", f"public.{table}")
    if file is None:
        raise RefusedError(f"'{table}' is no table of {source}")
    database, relation = file.split("/")[-2:]
    rows = following.rows(
        _SUSPECTS,
        operator.on(node).value("SELECT pg_last_wal_replay_lsn()::text"),
        f"% rel %/{database}/{relation} %",
    )
    names = ("transaction", "rows", "target_lsn", "committed_at")
    return [dict(zip(names, row, strict=True)) for row in rows]


_SUSPECTS = """
WITH record AS (
    SELECT * FROM pg_get_wal_records_info(%s::pg_lsn, pg_current_wal_flush_lsn())
), written AS (
    SELECT xid, count(*) AS rows, min(start_lsn) AS first FROM record
    WHERE resource_manager IN ('Heap', 'Heap2')
    AND record_type ~ '^(DELETE|UPDATE|HOT_UPDATE|TRUNCATE)'
    AND (' ' || block_ref || ' ') LIKE %s
    GROUP BY xid
)
SELECT written.xid::text, rows, first::text, (
    SELECT substring(description FROM '^[0-9-]+ [0-9:.]+ [A-Z]+') FROM record
    WHERE record.xid = written.xid AND record_type = 'COMMIT')
FROM written ORDER BY rows DESC, first
"""


def recover(
    operator: Operator, node: str, *, lsn: str | None = None, time: str | None = None
) -> dict[str, Any]:
    """Lead the replica to just before a place in the log, or a time, and keep it there, readable.

    Takes effect when PostgreSQL restarts on it: `restart_needed` in the answer says so; restart,
    and call again to wait for it. RefusedError where it has replayed further already.
    """
    session = _standby(operator, node)
    wanted = _target(session, lsn=lsn, time=time)
    found = state(operator, node)
    if (found["target_lsn"], found["target_time"]) == wanted:
        operator.wait(
            lambda: state(operator, node)["replay"] == "paused", f"{node} has reached its target"
        )
        return {**state(operator, node), "restart_needed": False}
    _require_ahead(session, lsn=lsn, time=time)
    # The target first: without one, a restart with no delay would replay the mistake.
    _set(session, "recovery_target_action", "pause")
    _set(session, "recovery_target_inclusive", "off")
    # One target alone: with two, be one of them empty, PostgreSQL does not start.
    for name, value in zip(("recovery_target_lsn", "recovery_target_time"), wanted, strict=True):
        if value:
            _set(session, name, value)
        elif _is_set(session, name):
            session.change(sql.SQL("ALTER SYSTEM RESET {}").format(sql.Identifier(name)))
    _set(session, "recovery_min_apply_delay", "0")
    return {**found, "restart_needed": True}


def follow(operator: Operator, node: str) -> dict[str, Any]:
    """Back to following with the delay of the replica's own configuration.

    Takes effect when PostgreSQL restarts on it, as `recover` does.
    """
    session = _standby(operator, node)
    # The delay first: with none, a restart would replay everything.
    for name in (
        *("recovery_min_apply_delay", "recovery_target_lsn", "recovery_target_time"),
        *("recovery_target_inclusive", "recovery_target_action"),
    ):
        if _is_set(session, name):
            session.change(sql.SQL("ALTER SYSTEM RESET {}").format(sql.Identifier(name)))
    found = state(operator, node)
    targeted = bool(found["target_lsn"] or found["target_time"])
    if not targeted and found["replay"] != "not paused":
        session.change("SELECT pg_wal_replay_resume()")
    return {**found, "restart_needed": targeted}


def give_back(operator: Operator, node: str, table: str, to: str) -> dict[str, int]:
    """Insert into `to` the rows of a table that it lacks, as the replica has them.

    Rows that `to` has stay as they are, changed or not: `changed` counts those that differ.
    Run again it inserts nothing. RefusedError where the table has no primary key.
    """
    source, target = operator.on(node), operator.on(to)
    key = catalog.key(source, table)
    columns = catalog.columns(source, table)
    if not key or columns != catalog.columns(target, table):
        raise RefusedError(f"'{table}' has no primary key, or other columns on {to}")
    names = catalog.named(columns)
    with target.transaction():
        target.change(
            sql.SQL(
                "CREATE TEMPORARY TABLE given ON COMMIT DROP AS SELECT {} FROM {} LIMIT 0"
            ).format(names, catalog.qualified(table))
        )
        if not target.dry_run:
            _stream(source, target, table, names)
        same = sql.SQL(" AND ").join(
            sql.SQL("there.{0} = given.{0}").format(sql.Identifier(name)) for name in key
        )
        insert = sql.SQL(
            "INSERT INTO {table} AS there ({names}) OVERRIDING SYSTEM VALUE SELECT {names} "
            "FROM given ON CONFLICT DO NOTHING"
        ).format(table=catalog.qualified(table), names=names)
        counts = {} if target.dry_run else _counts(target, table, same, names)
        target.change(insert)
    return counts


def _stream(source: Session, target: Session, table: str, names: sql.Composable) -> None:
    """The table through this process, in blocks: neither side's memory holds it."""
    out = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(names, catalog.qualified(table))
    into = sql.SQL("COPY given ({}) FROM STDIN").format(names)
    with (
        source.connection.cursor().copy(out) as reading,
        target.connection.cursor().copy(into) as writing,
    ):
        for block in reading:
            writing.write(block)


def _counts(
    target: Session, table: str, same: sql.Composable, names: sql.Composable
) -> dict[str, int]:
    rows, lost, changed = target.rows(
        sql.SQL(
            "SELECT count(*), count(*) FILTER (WHERE there IS NULL),"
            " count(*) FILTER (WHERE there IS NOT NULL AND there::text <> given::text)"
            " FROM given LEFT JOIN (SELECT {} FROM {}) AS there ON {}"
        ).format(names, catalog.qualified(table), same)
    )[0]
    return {"rows": rows, "lost": lost, "changed": changed}


def _standby(operator: Operator, node: str) -> Session:
    session = operator.on(node)
    if not session.value("SELECT pg_is_in_recovery()"):
        raise RefusedError(f"{node} is no standby any more: it was promoted")
    return session


def _target(session: Session, *, lsn: str | None, time: str | None) -> tuple[str, str]:
    if (lsn is None) == (time is None):
        raise RefusedError("'lsn' or 'time' should be given, and not both")
    if lsn is not None and not _LSN.fullmatch(lsn):
        raise RefusedError(f"'lsn' should be like 0/3000148, got '{lsn}'")
    if time is not None:
        time = session.value("SELECT %s::timestamptz::text", time)
    return lsn or "", time or ""


def _require_ahead(session: Session, *, lsn: str | None, time: str | None) -> None:
    passed = session.value(
        "SELECT pg_last_wal_replay_lsn() > %s::pg_lsn"
        " OR pg_last_xact_replay_timestamp() > %s::timestamptz",
        lsn,
        time,
    )
    if passed:
        raise RefusedError(
            f"{session.node.name} has replayed past {lsn or time}: what it holds is newer; restore "
            "from a backup"
        )


def _set(session: Session, name: str, value: str) -> None:
    session.change(
        sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value))
    )


def _is_set(session: Session, name: str) -> bool:
    """Whether ALTER SYSTEM set it: the file may say more than the running server knows."""
    return bool(
        session.value(
            "SELECT count(*) FROM pg_file_settings WHERE name = %s"
            " AND sourcefile LIKE '%%postgresql.auto.conf'",
            name,
        )
    )

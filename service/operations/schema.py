"""Keeps what operations record in each database: versions, and what a migration leaves to do.

Nothing of it is replicated: each server knows what was done on it.
"""

from __future__ import annotations

from service.operations.node import APPLICATION_ROLES, REPLICATOR
from service.operations.operator import NodeSession

MAKE = (
    "CREATE SCHEMA IF NOT EXISTS operations",
    # `breaks`: code of the versions before it does not run on it. What only adds, old code finds
    # unchanged, so that each code speaks one schema and nothing else.
    """CREATE TABLE IF NOT EXISTS operations.migration (
    version int PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL,
    breaks boolean NOT NULL DEFAULT true, applied_at timestamptz NOT NULL DEFAULT now())""",
    # A slot that still has to pass a migration, so that no subscriber is sent its rows.
    "CREATE TABLE IF NOT EXISTS operations.advance (slot text PRIMARY KEY, version int NOT NULL)",
    # One row when the first start is over: from then on bootstrap leaves everything as it is.
    "CREATE TABLE IF NOT EXISTS operations.bootstrap (done_at timestamptz PRIMARY KEY)",
    # That this master took the place of a lost one: everything that committed there before
    # `arrived` is here, nothing later is; null where that could not be read, and `commits` are then
    # the times of the newest that are here. `over`: rebuilt since.
    """CREATE TABLE IF NOT EXISTS operations.promotion (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, lost text NOT NULL, arrived pg_lsn,
    commits timestamptz[] NOT NULL DEFAULT '{}', at timestamptz NOT NULL DEFAULT now(),
    over boolean NOT NULL DEFAULT false)""",
    "CREATE UNIQUE INDEX IF NOT EXISTS promotion_open ON operations.promotion (lost)"
    " WHERE NOT over",
    # Transactions of a lost master, by where they committed there: carried over, or set aside.
    """CREATE TABLE IF NOT EXISTS operations.reconciled (
    promotion int REFERENCES operations.promotion, commit_lsn pg_lsn,
    at timestamptz NOT NULL DEFAULT now(), set_aside jsonb, PRIMARY KEY (promotion, commit_lsn))""",
    # What a slot was led past is in its subscriber, although a crash may set the slot back.
    "CREATE TABLE IF NOT EXISTS operations.slot_floor (slot text PRIMARY KEY, lsn pg_lsn NOT NULL)",
    # The version that this master had when an upgrade halted it, until that is over.
    "CREATE TABLE IF NOT EXISTS operations.halted (version int NOT NULL)",
    # Subscriptions that a person, or an upgrade, has paused: off for no error.
    "CREATE TABLE IF NOT EXISTS operations.paused (subscription text PRIMARY KEY)",
    # That this server is being cloned, or is the clone, and up to where that has everything.
    """CREATE TABLE IF NOT EXISTS operations.clone (
    target text PRIMARY KEY, token uuid NOT NULL, taken_at pg_lsn)""",
    f"GRANT USAGE ON SCHEMA operations TO {', '.join((*APPLICATION_ROLES, REPLICATOR))}",
    f"GRANT SELECT ON operations.migration TO {', '.join(APPLICATION_ROLES)}",
)


def make(session: NodeSession) -> None:
    """Make the schema where it is not; all of it or nothing."""
    if exists(session):
        return
    with session.transaction():
        for statement in MAKE:
            session.change(statement)


def exists(session: NodeSession) -> bool:
    return session.value("SELECT to_regclass('operations.migration') IS NOT NULL")


def is_bootstrapped(session: NodeSession) -> bool:
    return exists(session) and session.value("SELECT count(*) > 0 FROM operations.bootstrap")


def version(session: NodeSession) -> int:
    """The newest migration that was applied; 0 for none."""
    if not exists(session):
        return 0
    return session.value("SELECT coalesce(max(version), 0) FROM operations.migration")


def remember_halt(session: NodeSession) -> None:
    """Record the version that this node has now, unless an upgrade that is not over did so."""
    session.change(
        "INSERT INTO operations.halted SELECT coalesce(max(version), 0)"
        " FROM operations.migration HAVING NOT EXISTS (SELECT FROM operations.halted)"
    )


def halted_at(session: NodeSession) -> int | None:
    """Return the version that the upgrade under way began with; None where there is none."""
    return session.value("SELECT min(version) FROM operations.halted")


def forget_halt(session: NodeSession) -> None:
    """End what `remember_halt` began."""
    session.change("DELETE FROM operations.halted")


def owed_advances(session: NodeSession) -> list[str]:
    """Slots of this server that have to pass a migration before anyone may write."""
    if not exists(session):
        return []
    return session.column("SELECT slot FROM operations.advance ORDER BY 1")

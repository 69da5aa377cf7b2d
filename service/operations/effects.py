"""Judges what a migration does to those who are at work by its effect, on tables with rows in them.

It runs in a transaction on a scratch copy (service.operations.scratch). Meanwhile PostgreSQL shows
what it rewrites (another file), reads and writes (its statistics) and which locks it holds;
afterwards, what old code would find changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from service.operations.operator import NodeSession

_SEEN = (Path(__file__).parent / "seen.sql").read_text()
# The roles of the server, which every database of it shares.
ROLES = """
SELECT md5(concat((SELECT string_agg(r::text, ',' ORDER BY oid) FROM pg_roles r),
    (SELECT string_agg(m::text, ',' ORDER BY oid) FROM pg_auth_members m),
    (SELECT string_agg(s::text, ',' ORDER BY setdatabase, setrole) FROM pg_db_role_setting s)))
"""
_RELATIONS = """
SELECT c.oid, c.oid::regclass::text, c.relfilenode, c.relkind::text,
    coalesce(s.seq_scan, 0) + coalesce(s.idx_scan, 0), coalesce(s.n_tup_ins, 0)
FROM pg_class c LEFT JOIN pg_stat_xact_user_tables s ON s.relid = c.oid
WHERE c.relnamespace IN (SELECT oid FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'operations'))
AND c.relkind IN ('r', 'p', 'm', 'i', 'I', 'S') ORDER BY 2
"""
_LOCKS = """
SELECT relation, mode FROM pg_locks
WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
# PostgreSQL 17 documentation, 13.3.1: what conflicts with ROW EXCLUSIVE, which every writer holds.
_STOPS_WRITERS = {
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
}
# What takes longer on a few rows will not be short on many.
_LONG_SECONDS = 1.0
# What may not come to a table, type or function that old code knows, and why.
_ADDED = {
    "required column": "old code's inserts leave it out: give it a default",
    "constraint": "restricts what old code may write",
    "unique index": "restricts what old code may write",
    "reference": "old code's deletes fail where a new row refers to theirs: ON DELETE CASCADE or "
    "SET NULL",
    "trigger": "runs in old code's writes",
    "rule": "changes what old code's statements do",
    "policy": "changes which rows old code sees",
    "heir": "its rows show among those that old code reads",
    "label": "old code may read a value that it does not know",
    "attribute": "changes the values that old code reads",
    "function": "a call of old code may mean this one",
    "cast": "changes how old code's expressions are read",
    "operator": "changes how old code's expressions are read",
}

Thing = tuple[str, str, str]
Seen = dict[Thing, tuple[str, frozenset[str]]]


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What a migration did: why old code cannot go on beside it, or, with no reason, that it adds.

    `changed` is whether code could find anything other than before.
    """

    reasons: tuple[str, ...]
    changed: bool


@dataclass(frozen=True, kw_only=True)
class _Relation:
    name: str
    file: int
    kind: str
    scans: int
    inserts: int


def seen(session: NodeSession) -> Seen:
    """Return what code finds in a database, by kind, owner and name."""
    return {
        (kind, owner, name): (what, frozenset(columns or ()))
        for kind, owner, name, what, columns in session.rows(_SEEN)
    }


def observe(session: NodeSession, change: Callable[[], None]) -> Effect:
    """Make a change inside of the transaction that has begun, and return its effect."""
    was, before = seen(session), _relations(session)
    started = time.monotonic()
    change()
    seconds = time.monotonic() - started
    after, locks = _relations(session), session.rows(_LOCKS)
    now = seen(session)
    filled = any(
        each.inserts > (before[oid].inserts if oid in before else 0) for oid, each in after.items()
    )
    reasons = [
        *_waiting(before, after, locks, filled=filled, seconds=seconds),
        *_differences(was, now),
    ]
    return Effect(reasons=tuple(reasons), changed=bool(reasons) or was != now or filled)


def _relations(session: NodeSession) -> dict[int, _Relation]:
    return {
        oid: _Relation(name=name, file=file, kind=kind, scans=scans, inserts=inserts)
        for oid, name, file, kind, scans, inserts in session.rows(_RELATIONS)
    }


def _waiting(
    before: dict[int, _Relation],
    after: dict[int, _Relation],
    locks: list[tuple[int, str]],
    *,
    filled: bool,
    seconds: float,
) -> list[str]:
    """Return who would wait for how much, of the tables that were there."""
    held = sorted((before[oid].name, mode) for oid, mode in locks if oid in before)
    stopped = ", ".join(dict.fromkeys(name for name, mode in held if mode in _STOPS_WRITERS))
    kept = [(each, after[oid]) for oid, each in before.items() if oid in after]
    rewritten = [old.name for old, new in kept if old.file != new.file and old.kind != "S"]
    scanned = ", ".join(o.name for o, n in kept if n.scans > o.scans and o.name not in rewritten)
    written = [name for name, mode in held if mode == "RowExclusiveLock"]
    found = [f"rewrites {name}, for which everybody waits" for name in rewritten]
    found += [f"writes rows of {name}, which old code writes too" for name in written]
    if scanned and stopped:
        found.append(f"reads all of {scanned} while who writes {stopped} waits")
    elif scanned and filled:
        found.append(f"copies rows of {scanned}, which go on changing")
    if seconds > _LONG_SECONDS and stopped:
        found.append(f"takes {seconds:.1f} s on a few rows, while who writes {stopped} waits")
    return found


def _differences(was: Seen, now: Seen) -> list[str]:
    """Return what old code would find changed, gone, or newly in its way."""
    gone = {owner for kind, owner, _ in was if kind == "table" and (kind, owner, "") not in now}
    found = []
    for thing, what in was.items():
        kind, owner, _ = thing
        if owner in gone and kind != "table":
            continue  # said once
        if thing not in now:
            found.append(f"{_named(thing)} is gone, which old code may use")
        elif now[thing] != what:
            found.append(f"{_named(thing)} is changed, which old code may use")
    known = {owner for _, owner, name in was if name == ""}
    functions = {owner for kind, owner, _ in was if kind == "function"}
    added = now.keys() - was.keys()
    for thing in sorted(added):
        kind, owner, _ = thing
        what, columns = now[thing]
        if kind not in _ADDED or what == "follows":
            continue
        if kind in ("cast", "operator") or owner in (functions if kind == "function" else known):
            theirs = {("column", owner, each) for each in columns}
            if not (theirs and theirs <= added):  # of columns that old code does not know
                found.append(f"{_named(thing)}: {_ADDED[kind]}")
    return found


def _named(thing: Thing) -> str:
    kind, owner, name = thing
    return f"{kind.removeprefix('required ')} {'.'.join(part for part in (owner, name) if part)}"

"""Judges the migrations to come by what they do on a scratch copy: what class each is, and why.

    none       code finds nothing changed
    additive   old code runs on, and nobody waits for longer than a lock is had
    breaking   anything else: it needs the eight steps, with their read-only window

A problem is more than that: the migration does not run, cannot be undone exactly, or leaves what
the other servers would not have alike. With one nothing is begun.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg

from service.operations import effects, migration_files, schema
from service.operations.migration_files import Migration
from service.operations.node import DeclinedError
from service.operations.operator import NodeSession, Operator, print_statement
from service.operations.scratch import Rows, dump, reload_backwards, scratch

NONE, ADDITIVE, BREAKING = CLASSES = ("none", "additive", "breaking")

_AVAILABLE = "SELECT name FROM pg_available_extensions"


@dataclass(kw_only=True)
class Judgement:
    """One migration's class, with the reasons for it, and with what has to be put right before."""

    version: int
    name: str
    kind: str = BREAKING
    reasons: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def class_of(effect: effects.Effect) -> str:
    """Return the class of a migration with this effect."""
    if effect.reasons:
        return BREAKING
    return ADDITIVE if effect.changed else NONE


def kind_of(judgements: list[Judgement]) -> str:
    """Return the class of a release: that of its migration with the most effect."""
    return max((each.kind for each in judgements), key=CLASSES.index, default=NONE)


def reasons_of(judgements: list[Judgement], kind: str) -> list[str]:
    """Return the reasons of the migrations of a class, each with its version."""
    return [
        f"migration {each.version}: {reason}"
        for each in judgements
        if each.kind == kind
        for reason in each.reasons
    ]


def judge(
    operator: Operator, node: str, files: list[Migration], to: int | None = None
) -> list[Judgement]:
    """Return the judgements of a node's migrations up to version `to`, tried on its own server.

    Judging ends at a migration that cannot be tried. A dry run judges nothing.
    """
    session = operator.on(node)
    version = schema.version(session)
    coming = files[version:to]
    if operator.dry_run:
        print_statement(f"-- tries migrations {[each.version for each in coming]} on a copy")
        return []
    if not coming:
        return []
    found = []
    with scratch(operator, node, files[:version]) as copy:
        for migration in coming:
            found.append(_judged(operator, copy, migration))
            if found[-1].problems:
                break
    return found


def _judged(operator: Operator, copy: NodeSession, migration: Migration) -> Judgement:
    made = Judgement(version=migration.version, name=migration.name)
    replicated = copy.node.store == "entity"
    rows, was, roles = dump(copy), effects.seen(copy), copy.value(effects.ROLES)
    try:
        with rolled_back(copy):
            effect = effects.observe(copy, lambda: migration_files.apply(copy, migration))
            first = dump(copy)
            made.reasons = list(effect.reasons)
            made.kind = class_of(effect)
            if copy.value(effects.ROLES) != roles:
                made.problems.append("changes roles, which every database of the server shares")
            if replicated:
                made.problems += _missing_extensions(operator, copy)
                made.problems += _ways_back(copy, migration, was, rows)
        if made.problems:
            return made
        reload_backwards(copy, rows)
        with copy.transaction():
            migration_files.apply(copy, migration)
    except (psycopg.Error, DeclinedError) as error:
        made.problems.append(f"does not run: {str(error).splitlines()[0]}")
        return made
    second = dump(copy)
    unlike = [table for table in first if first[table] != second.get(table)]
    if replicated and unlike:
        made.problems.append(
            f"writes other rows of {', '.join(unlike)} each time, so that no two servers would be "
            "alike: values must not come from the time, from chance, from a counter that was "
            "there, or from the order of rows"
        )
    return made


def _ways_back(copy: NodeSession, migration: Migration, was: effects.Seen, rows: Rows) -> list[str]:
    """Return why the way back does not lead to where the migration began."""
    if migration.reverting is None:
        return []  # an upgrade asks for it, and nothing else
    try:
        migration_files.revert(copy, migration)
    except (psycopg.Error, DeclinedError) as error:
        return [f"its .revert.sql does not run: {str(error).splitlines()[0]}"]
    now = effects.seen(copy)
    unlike = sorted({" ".join(t) for t in was.keys() | now.keys() if was.get(t) != now.get(t)})
    if unlike:
        return [f"its .revert.sql leaves another schema: {', '.join(unlike)}"]
    back = dump(copy)
    unlike = [table for table in rows if rows[table] != back[table]]
    return [f"its .revert.sql leaves other rows of {', '.join(unlike)}"] if unlike else []


def _missing_extensions(operator: Operator, copy: NodeSession) -> list[str]:
    """Return which server cannot have an extension that is needed."""
    wanted = copy.column("SELECT extname FROM pg_extension ORDER BY 1")
    found = []
    for name, node in operator.nodes.items():
        if node.store == copy.node.store:
            available = operator.on(name).column(_AVAILABLE)
            found += [
                f"{name} has no extension '{each}': install it there, or do without"
                for each in wanted
                if each not in available
            ]
    return found


@contextlib.contextmanager
def rolled_back(session: NodeSession) -> Iterator[None]:
    """Leave nothing of what is done inside."""
    session.change("BEGIN")
    try:
        yield
    finally:
        session.change("ROLLBACK")


def plan(judgements: dict[str, list[Judgement]]) -> dict[str, Any]:
    """Return the plan of a release as it is printed: its class, and each store's migrations."""
    every = [each for found in judgements.values() for each in found]
    return {
        "class": kind_of(every),
        "stores": {store: [vars(each) for each in found] for store, found in judgements.items()},
    }


def require(judgements: list[Judgement]) -> None:
    """Raise DeclinedError with every problem."""
    found = [f"migration {e.version} {problem}" for e in judgements for problem in e.problems]
    if found:
        raise DeclinedError(". ".join(found))


def require_additive(judgements: list[Judgement], because: str) -> None:
    """Raise DeclinedError where a migration does more than add; `because` is who goes on."""
    if kind_of(judgements) == BREAKING:
        raise DeclinedError(
            f"{because}, so its migrations may only add: "
            + "; ".join(reasons_of(judgements, BREAKING))
        )

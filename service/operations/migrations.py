"""The migration runner: reviewed files, in order, each once, each in one transaction.

    service/migrations/<store>/0001_first.sql
    service/migrations/<store>/0001_first.revert.sql    what undoes it, where that is possible

A file is never edited after it ran anywhere: its checksum is kept beside its version.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql

from service.operations import rights, schema, slots
from service.operations.expand_only import breaks
from service.operations.give_way import give_way, set_lock_timeout
from service.operations.node import DeclinedError
from service.operations.operator import NodeSession, Operator, print_event
from service.operations.statements import split

FOLDER = Path(__file__).parent.parent / "migrations"
_FILE = re.compile(r"(?P<version>\d{4})_(?P<name>[a-z0-9_]+)\.sql")


@dataclass(frozen=True, kw_only=True)
class Migration:
    """A migration's file: its name and its statements."""

    version: int
    name: str
    sha256: str
    statements: list[str]
    reverting: list[str] | None

    @property
    def breaking(self) -> list[str]:
        """Return what it does besides adding, with reasons."""
        return breaks(self.statements)


def read(store: str, folder: Path = FOLDER) -> list[Migration]:
    """The migrations of a store; ValueError for a name, a gap or a breaking one that may not be."""
    found = []
    files = [path for path in (folder / store).glob("*.sql") if ".revert" not in path.suffixes]
    for expected, path in enumerate(sorted(files), start=1):
        match = _FILE.fullmatch(path.name)
        if match is None or int(match["version"]) != expected:
            raise ValueError(
                f"migration '{store}/{path.name}' should be named {expected:04d}_<what_it_does>.sql"
            )
        text = path.read_bytes()
        revert = path.with_suffix(".revert.sql")
        found.append(
            Migration(
                version=expected,
                name=match["name"],
                sha256=hashlib.sha256(text).hexdigest(),
                statements=split(text.decode()),
                reverting=split(revert.read_text()) if revert.exists() else None,
            )
        )
    if store == "transaction":
        for migration in found:
            if migration.breaking:
                raise ValueError(
                    f"migration {migration.version} of the transaction store, which takes writes "
                    f"during a release, may only add, but {migration.breaking[0]}"
                )
    return found


def migrate(
    operator: Operator, node: str, *, to: int | None = None, folder: Path = FOLDER
) -> list[int]:
    """Bring a node up to a version, by default the newest; returns the versions it applied.

    A migration that does more than add runs on a fenced node only, with its subscribers paused
    and empty, and their slots are led past it. One that only adds runs on subscribers first: a
    column that the publisher alone has stops them.
    """
    session = operator.on(node)
    known = _known(operator, session, folder)
    target = len(known) if to is None else to
    if not 0 <= target <= len(known):
        raise DeclinedError(f"'--to' should be 0 to {len(known)}, got {target}")
    applied = []
    for migration in known[schema.version(session) : target]:
        _require_order(operator, node, migration)
        _apply(operator, session, migration)
        applied.append(migration.version)
        print_event({"node": node, "migrated": migration.version, "name": migration.name})
    slots.advance(operator, node)
    return applied


def revert(operator: Operator, node: str, *, to: int, folder: Path = FOLDER) -> list[int]:
    """Bring a node back down to a version, for as long as nobody has written in the new one.

    The conditions are those of a migration that does more than add. Returns the versions that
    were undone; DeclinedError where one has no file that undoes it.
    """
    session = operator.on(node)
    known = _known(operator, session, folder)
    undone = []
    for migration in reversed(known[max(to, 0) : schema.version(session)]):
        if migration.reverting is None:
            raise DeclinedError(f"migration {migration.version} has no .revert.sql: rebuild {node}")
        _require_breakable(operator, node, f"undoing migration {migration.version}")
        with session.transaction():
            for statement in migration.reverting:
                session.change(statement)
            rights.provide(session, publish=operator.node(node).store == "entity")
            session.change(
                sql.SQL("DELETE FROM operations.migration WHERE version = {}").format(
                    sql.Literal(migration.version)
                )
            )
            _owe(operator, session, migration.version)
        undone.append(migration.version)
        print_event({"node": node, "reverted": migration.version, "name": migration.name})
    slots.advance(operator, node)
    return undone


def _known(operator: Operator, session: NodeSession, folder: Path) -> list[Migration]:
    known = read(operator.node(session.node.name).store, folder)
    _require_same_files(session, known)
    return known


def _require_same_files(session: NodeSession, known: list[Migration]) -> None:
    """DeclinedError where the database was migrated by other files than these."""
    if not schema.exists(session):
        return
    for version, sha256 in session.rows("SELECT version, sha256 FROM operations.migration"):
        if version > len(known):
            raise DeclinedError(
                f"{session.node.name} has version {version}, this image knows {len(known)}: use "
                "the image that migrated it"
            )
        if sha256 != known[version - 1].sha256:
            raise DeclinedError(
                f"migration {version} was edited after it ran on {session.node.name}: restore the "
                "file and write a new one"
            )


def _require_order(operator: Operator, node: str, migration: Migration) -> None:
    if migration.breaking:
        does = f"migration {migration.version} does more than add ({migration.breaking[0]})"
        _require_breakable(operator, node, does)
        return
    standing = slots.of(operator, node)
    for link in operator.links_of(publisher=node):
        if link.name in standing and slots.is_active(operator.on(node), link.name):
            behind = schema.version(operator.on(link.subscriber.name))
            if behind < migration.version:
                raise DeclinedError(
                    f"{link.subscriber.name} is at version {behind} and follows {node}: migrate "
                    f"it to {migration.version} first"
                )


def _require_breakable(operator: Operator, node: str, does: str) -> None:
    """DeclinedError where subscribers could see what happens, or lose what was written before."""
    if not slots.of(operator, node):
        return
    if not rights.is_fenced(operator.on(node)):
        raise DeclinedError(f"{does}, and {node} takes writes: fence it first")
    slots.drain(operator, node)
    slots.require_empty(operator, node)


def _apply(operator: Operator, session: NodeSession, migration: Migration) -> None:
    """Apply a migration; on a node that takes writes, without holding those up for long."""
    if operator.dry_run or rights.is_fenced(session):
        _apply_at_once(operator, session, migration)
        return
    give_way(
        operator,
        lambda: _apply_at_once(operator, session, migration, gives_way=True),
        f"migration {migration.version} has its locks on {session.node.name}",
    )


def _apply_at_once(
    operator: Operator, session: NodeSession, migration: Migration, *, gives_way: bool = False
) -> None:
    """Run one transaction: statements, version, rights, and the advance that is owed."""
    with session.transaction():
        if gives_way:
            set_lock_timeout(session)
        for statement in migration.statements:
            session.change(statement)
        rights.provide(session, publish=operator.node(session.node.name).store == "entity")
        session.change(
            sql.SQL(
                "INSERT INTO operations.migration (version, name, sha256) VALUES ({}, {}, {})"
            ).format(
                sql.Literal(migration.version),
                sql.Literal(migration.name),
                sql.Literal(migration.sha256),
            )
        )
        if migration.breaking:
            _owe(operator, session, migration.version)


def _owe(operator: Operator, session: NodeSession, version: int) -> None:
    """Remember which slots must pass this transaction before anyone writes again."""
    for slot in slots.of(operator, session.node.name):
        slots.owe_advance(session, slot, version)

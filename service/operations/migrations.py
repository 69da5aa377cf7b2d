"""The migration runner: brings a node up to a version, or back down, each migration at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from service.operations import judgement, migration_files, rights, schema, slots
from service.operations.give_way import give_way, set_lock_timeout
from service.operations.migration_files import FOLDER, Migration
from service.operations.node import DeclinedError
from service.operations.operator import NodeSession, Operator, print_event


def migrate(
    operator: Operator,
    node: str,
    *,
    to: int | None = None,
    folder: Path = FOLDER,
    judged: list[judgement.Judgement] | None = None,
) -> list[int]:
    """Bring a node up to a version, by default the newest; returns the versions it applied.

    A breaking migration runs on a fenced node only, with its subscribers paused and empty, and
    their slots are led past it. One that adds runs on subscribers first: a column that the
    publisher alone has stops them. Which it is, a scratch copy shows, where it matters; `judged` is
    what one beside another node has shown.
    """
    session = operator.on(node)
    files = known(operator, node, folder)
    target = len(files) if to is None else to
    if not 0 <= target <= len(files):
        raise DeclinedError(f"'--to' should be 0 to {len(files)}, got {target}")
    coming = files[schema.version(session) : target]
    way = _way(operator, node, files, target, judged) if coming else _Way()
    for migration in coming:
        _apply(operator, session, migration, way)
        print_event({"node": node, "migrated": migration.version, "name": migration.name})
    slots.advance(operator, node)
    return [migration.version for migration in coming]


def revert(operator: Operator, node: str, *, to: int, folder: Path = FOLDER) -> list[int]:
    """Bring a node back down to a version, for as long as nobody has written in the new one.

    The conditions are those of a breaking migration. Returns the versions that were undone;
    DeclinedError where one has no file that undoes it.
    """
    session = operator.on(node)
    files = known(operator, node, folder)
    undone = []
    for migration in reversed(files[max(to, 0) : schema.version(session)]):
        _require_breakable(operator, node, f"undoing migration {migration.version}")
        with session.transaction():
            migration_files.revert(session, migration)
            _owe(operator, session, migration.version)
        undone.append(migration.version)
        print_event({"node": node, "reverted": migration.version, "name": migration.name})
    slots.advance(operator, node)
    return undone


def known(operator: Operator, node: str, folder: Path = FOLDER) -> list[Migration]:
    """Return the migrations of a node's store. DeclinedError where others ran on it."""
    found = migration_files.read(operator.node(node).store, folder)
    migration_files.require_same_files(operator.on(node), found)
    return found


@dataclass(frozen=True, kw_only=True)
class _Way:
    """Says how migrations run on a node.

    `owes`: its slots are led past them. `adds`: old code runs on, as a trial has shown.
    """

    owes: bool = False
    adds: bool = False


def _way(
    operator: Operator,
    node: str,
    files: list[Migration],
    target: int,
    judged: list[judgement.Judgement] | None,
) -> _Way:
    """Return how a node's migrations to come run on it.

    DeclinedError where these are not for a node in its state. On one that nobody uses or follows,
    each is for any.
    """
    session = operator.on(node)
    standing = slots.of(operator, node)
    adds = judged is not None and judgement.kind_of(judged) != judgement.BREAKING
    if standing and _is_still(operator, node, standing):
        _require_breakable(operator, node, "a migration")
        return _Way(owes=True, adds=adds)
    if not standing and (session.node.store == "entity" or not schema.is_bootstrapped(session)):
        return _Way(adds=adds)
    if judged is None:
        judged = judgement.judge(operator, node, files, target)
    judgement.require(judged)
    if session.node.store == "transaction":
        judgement.require_additive(judged, "the transaction store takes writes during a release")
    if judgement.kind_of(judged) != judgement.BREAKING:
        _require_order(operator, node, standing, judged)
        return _Way(adds=True)
    reasons = "; ".join(judgement.reasons_of(judged, judgement.BREAKING))
    _require_breakable(operator, node, f"it is breaking ({reasons})")
    return _Way(owes=True)


def _is_still(operator: Operator, node: str, standing: dict[str, str]) -> bool:
    """Return whether nobody writes a node and nobody follows it."""
    session = operator.on(node)
    return rights.is_fenced(session) and not any(
        slots.is_active(session, slot) or slots.is_subscribed(operator, slot) for slot in standing
    )


def _require_order(
    operator: Operator, node: str, standing: dict[str, str], judged: list[judgement.Judgement]
) -> None:
    """DeclinedError where a subscriber would be sent what it has no place for."""
    session = operator.on(node)
    if not judged or rights.is_fenced(session):
        return  # nothing is sent from a node that nobody writes
    version = judged[-1].version
    for link in operator.links_of(publisher=node):
        if link.name in standing and slots.is_active(session, link.name):
            behind = schema.version(operator.on(link.subscriber.name))
            if behind < version:
                raise DeclinedError(
                    f"{link.subscriber.name} is at version {behind} and follows {node}: migrate "
                    f"it to {version} first"
                )


def _require_breakable(operator: Operator, node: str, does: str) -> None:
    """DeclinedError where subscribers could see what happens, or lose what was written before."""
    if not slots.of(operator, node):
        return
    if not rights.is_fenced(operator.on(node)):
        raise DeclinedError(f"{does}, and {node} takes writes: fence it first")
    slots.drain(operator, node)
    slots.require_empty(operator, node)


def _apply(operator: Operator, session: NodeSession, migration: Migration, way: _Way) -> None:
    """Apply a migration; on a node that takes writes, without holding those up for long."""
    if operator.dry_run or rights.is_fenced(session):
        _apply_at_once(operator, session, migration, way)
        return
    give_way(
        operator,
        lambda: _apply_at_once(operator, session, migration, way, gives_way=True),
        f"migration {migration.version} has its locks on {session.node.name}",
    )


def _apply_at_once(
    operator: Operator,
    session: NodeSession,
    migration: Migration,
    way: _Way,
    *,
    gives_way: bool = False,
) -> None:
    """Run one transaction: statements, version, rights, and the advance that is owed."""
    with session.transaction():
        if gives_way:
            set_lock_timeout(session)
        migration_files.apply(session, migration, adds=way.adds)
        if way.owes:
            _owe(operator, session, migration.version)


def _owe(operator: Operator, session: NodeSession, version: int) -> None:
    """Remember which slots must pass this transaction before anyone writes again."""
    for slot in slots.of(operator, session.node.name):
        slots.owe_advance(session, slot, version)

"""Runs an upgrade's commands on the databases: one for a row of its table, each may be repeated.

    plan     what the migrations to come do, and so of which class the release is; changes nothing
    check    before anything: both masters and the follower alike, and whole; and that what is to
             come can be done, can be undone, and reaches every server
    expand   the transaction store's migrations, which only add
    widen    every store's migrations, which only add, while all of it goes on
    halt     A takes no writes, everybody has everything, and nobody reads A's slots
    migrate  A to the newest version, every slot led past it
    open     A takes writes
    publish  A keeps for B and the follower what they will need; B to A stays off
    restore  B and the follower to the newest version; every direction on, B to A last
    compare  A and B by count and checksum
    undo     A back to the version that it had, and it takes writes; needs no other node
    rejoin   after that, or after a widening that failed: B and the follower at A's version, and
             every direction on

One command at a time: a second one, such as a task whose answer was lost and its retry, waits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from service.operations import (
    catalog,
    compare,
    fence,
    judgement,
    migration_files,
    migrations,
    replication,
    rights,
    schema,
    survey,
)
from service.operations import slots as slots_
from service.operations.alone import alone
from service.operations.node import DeclinedError, Link
from service.operations.operator import Operator, print_event

PRIMARY, SECONDARY, FOLLOWER = "entity-a", "entity-b", "follower"
TRANSACTION = "transaction"
_EXPANDS = "the transaction store takes writes during a release"
_NO_WINDOW = "a release that was started as one that needs no window goes by old code's side"
# What writes longer than this holds everybody's writes up: it is rolled back, and its caller told.
_TERMINATE_AFTER_SECONDS = 10


def run(
    operator: Operator,
    name: str,
    folder: Path = migration_files.FOLDER,
    *,
    without: Collection[str] = (),
    claimed: str = judgement.BREAKING,
    wanted: Callable[[], None] = lambda: None,
) -> Any:
    """Run one command of the list above. Raises DeclinedError, or TimeoutError.

    `without` names nodes that a person leaves out; `claimed` is the class that the upgrade goes
    by; `wanted` raises where nobody waits for this command any more, and is called once no other
    one runs.
    """
    operator.away = set(without)
    with alone(operator, PRIMARY):
        wanted()
        if name == "check":
            return check(operator, folder, claimed)
        return COMMANDS[name](operator, folder)


def check(operator: Operator, folder: Path, claimed: str = judgement.BREAKING) -> dict[str, int]:
    versions = {name: schema.version(operator.on(name)) for name in _entity(operator)}
    if len(set(versions.values())) != 1:
        raise DeclinedError(f"the versions differ, end the upgrade before: {versions}")
    if rights.is_fenced(operator.on(PRIMARY)):
        raise DeclinedError(f"{PRIMARY} takes no writes")
    if not rights.is_fenced(operator.on(SECONDARY)):
        raise DeclinedError(f"{SECONDARY} takes writes: fence it, or move back first")
    problems = {link.name: replication.verify(operator, link) for link in _links(operator)}
    if any(problems.values()):
        raise DeclinedError(f"replication is not whole: {problems}")
    survey.require(operator.on(PRIMARY))
    for migration in migration_files.read("entity", folder)[versions[PRIMARY] :]:
        if migration.reverting is None:
            raise DeclinedError(
                f"migration {migration.version} has no .revert.sql: an upgrade has to have a way "
                "back"
            )
    judged = _judged(operator, folder)
    for found in judged.values():
        judgement.require(found)
    judgement.require_additive(judged.get(TRANSACTION, []), _EXPANDS)
    if claimed != judgement.BREAKING:
        judgement.require_additive([e for some in judged.values() for e in some], _NO_WINDOW)
    print_event({"plan": judgement.plan(judged)})
    return versions


def plan(operator: Operator, folder: Path) -> dict[str, Any]:
    return judgement.plan(_judged(operator, folder))


def _judged(operator: Operator, folder: Path) -> dict[str, list[judgement.Judgement]]:
    """Return the judgements of what is to come by store, tried where nobody waits: beside B."""
    return {
        operator.node(name).store: judgement.judge(
            operator, name, migrations.known(operator, name, folder), None
        )
        for name in (SECONDARY, TRANSACTION)
        if name in operator.nodes
    }


def expand(operator: Operator, folder: Path) -> list[int]:
    if TRANSACTION not in operator.nodes:
        return []
    return migrations.migrate(operator, TRANSACTION, folder=folder)


def widen(operator: Operator, folder: Path) -> dict[str, list[int]]:
    """Migrate subscribers first, and A while it takes writes; each is tried beside the first of it.

    The way back is off meanwhile: what B's migration writes is no news to A, whose own writes it.
    """
    applied = {TRANSACTION: expand(operator, folder)}
    files = migrations.known(operator, PRIMARY, folder)
    nodes = [name for name in (SECONDARY, FOLLOWER, PRIMARY) if name in operator.nodes]
    behind = {name: version for name in nodes if (version := _version(operator, name)) < len(files)}
    judged: dict[int, list[judgement.Judgement]] = {}
    for name, version in behind.items():
        if version not in judged:
            found = judged[version] = judgement.judge(operator, name, files)
            judgement.require(found)
            judgement.require_additive(found, _NO_WINDOW)
    if behind:
        replication.pause(operator, operator.link(SECONDARY, PRIMARY))
    for name, version in behind.items():
        applied[name] = migrations.migrate(operator, name, folder=folder, judged=judged[version])
    slots_.advance(operator, SECONDARY)  # of a migration that was killed before it
    _resume_all(operator)
    _take_new_tables(operator)
    return applied


def _version(operator: Operator, name: str) -> int:
    return schema.version(operator.on(name))


def halt(operator: Operator, _: Path) -> None:
    schema.remember_halt(operator.on(PRIMARY))
    fence.fence(operator, PRIMARY)
    slots_.drain(operator, PRIMARY, terminate_after=_TERMINATE_AFTER_SECONDS)
    for link in _links(operator):
        replication.pause(operator, link)
    slots_.require_empty(operator, PRIMARY)


def migrate(operator: Operator, folder: Path) -> list[int]:
    applied = migrations.migrate(operator, PRIMARY, folder=folder)
    operator.on(PRIMARY).change("ANALYZE")  # a backfill leaves the planner's figures behind
    return applied


def open_(operator: Operator, folder: Path) -> None:
    """Needs no other node: B was fenced at the check, and only a person could have changed that."""
    _require_newest(operator, PRIMARY, folder)
    operator.find_away(SECONDARY)
    fence.unfence(operator, PRIMARY, peer_is_lost=SECONDARY in operator.away)
    schema.forget_halt(operator.on(PRIMARY))


def publish(operator: Operator, _: Path) -> list[str]:
    session = operator.on(PRIMARY)
    missing = set(catalog.tables(session)) - set(catalog.published(session) or ())
    if missing:
        raise DeclinedError(f"{PRIMARY} does not publish {sorted(missing)}")
    for link in operator.links_of(publisher=PRIMARY):
        if not replication.has_slot(session, link.name):
            raise DeclinedError(f"{PRIMARY} has no slot '{link.name}': rebuild its subscriber")
    back = operator.link(SECONDARY, PRIMARY)
    if slots_.is_subscribed(operator, back.name) and _behind(operator, SECONDARY):
        raise DeclinedError(f"{SECONDARY} is not migrated, and {PRIMARY} subscribes to it: pause")
    return sorted(catalog.published(session) or ())


def restore(operator: Operator, folder: Path) -> None:
    """Bring B and the follower up, each as far as it answers. Raises DeclinedError naming the rest.

    B's own migration is led past before A subscribes to it: its backfill is no news to A.
    """
    left_out = set(operator.away)
    operator.find_away(SECONDARY, FOLLOWER)
    for name in (SECONDARY, FOLLOWER):
        if name in operator.nodes and name not in operator.away:
            migrations.migrate(operator, name, folder=folder)
            operator.on(name).change("ANALYZE")
    _resume_all(operator)
    for link in _between_those_there(operator):
        replication.wait_established(operator, link)
    _require_there(operator, left_out)


def compare_(operator: Operator, _: Path) -> dict[str, Any]:
    found = compare.compare_in_flight(operator, PRIMARY, SECONDARY)
    unlike = {name: table for name, table in found["tables"].items() if not table["equal"]}
    if unlike:
        raise DeclinedError(f"{PRIMARY} and {SECONDARY} are not equal by checksum: {unlike}")
    return found


def undo(operator: Operator, folder: Path) -> None:
    """Nobody has written since the halt, so that the old schema with A's rows is what there was.

    B and the follower are not needed: what A keeps for them is on A.
    """
    session = operator.on(PRIMARY)
    operator.find_away(SECONDARY, FOLLOWER)
    before = schema.halted_at(session)
    if before is not None and schema.version(session) > before:
        migrations.revert(operator, PRIMARY, to=before, folder=folder)
    slots_.advance(operator, PRIMARY)
    fence.unfence(operator, PRIMARY, peer_is_lost=SECONDARY in operator.away)
    schema.forget_halt(session)
    print_event({"undone": PRIMARY, "version": schema.version(session)})


def rejoin(operator: Operator, folder: Path) -> None:
    """Resume every direction between nodes that answer. Raises DeclinedError naming the others.

    What a widening has added to B or the follower and not to A, nobody has written: it is undone.
    """
    left_out = set(operator.away)
    operator.find_away(SECONDARY, FOLLOWER)
    version = schema.version(operator.on(PRIMARY))
    for name in (SECONDARY, FOLLOWER):
        there = name in operator.nodes and name not in operator.away
        if there and schema.version(operator.on(name)) > version:
            migrations.revert(operator, name, to=version, folder=folder)
    if SECONDARY not in operator.away:
        slots_.advance(operator, SECONDARY)  # of a migration that was killed before it
    _resume_all(operator)
    _take_new_tables(operator)
    _require_there(operator, left_out)


def _take_new_tables(operator: Operator) -> None:
    """Let every direction that went on have the tables that were added meanwhile.

    Rows that every migration wrote itself have to be through, or they would come again.
    """
    slots_.wait_until_received(operator, PRIMARY)
    for link in _between_those_there(operator):
        replication.take_tables(operator, link)
        replication.wait_established(operator, link)


def _between_those_there(operator: Operator) -> list[Link]:
    return [
        link
        for link in _links(operator)
        if operator.away.isdisjoint((link.publisher.name, link.subscriber.name))
    ]


def _resume_all(operator: Operator) -> None:
    for link in _between_those_there(operator):  # those out of A first
        replication.resume(operator, link)


def _require_there(operator: Operator, left_out: Collection[str]) -> None:
    if missing := sorted(operator.away - set(left_out)):
        raise DeclinedError(f"{', '.join(missing)} does not answer: everything else is done")


def _entity(operator: Operator) -> list[str]:
    return [name for name in (PRIMARY, SECONDARY, FOLLOWER) if name in operator.nodes]


def _links(operator: Operator) -> list[Link]:
    """Out of the primary first, the way back last."""
    return sorted(operator.links_of(), key=lambda link: link.publisher.name != PRIMARY)


def _behind(operator: Operator, name: str) -> bool:
    return schema.version(operator.on(name)) < schema.version(operator.on(PRIMARY))


def _require_newest(operator: Operator, name: str, folder: Path) -> None:
    newest, found = len(migration_files.read("entity", folder)), schema.version(operator.on(name))
    if found != newest:
        raise DeclinedError(f"{name} is at version {found} of {newest}: migrate it first")


COMMANDS: dict[str, Callable[[Operator, Path], Any]] = {
    "plan": plan,
    "check": check,
    "expand": expand,
    "widen": widen,
    "halt": halt,
    "migrate": migrate,
    "open": open_,
    "publish": publish,
    "restore": restore,
    "compare": compare_,
    "undo": undo,
    "rejoin": rejoin,
}

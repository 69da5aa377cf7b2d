"""The command line: one command, its answer as one line of JSON on standard output.

Statements go to standard error as they run. Exit code 0: done; 1: refused, or not within its
timeout, with the reason; 2: a command that is none, or no Region to run it in.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import psycopg
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from service.operations import (
    bootstrap,
    canary,
    compare,
    delayed,
    detection,
    fence,
    heal,
    housekeeping,
    judgement,
    lag,
    logins,
    lost_rows,
    migrations,
    partitions,
    promotion,
    rebuild,
    reconcile,
    replication,
    repoint,
    schema,
    slots,
    smoke,
    upgrade,
)
from service.operations.argument_types import LinkAction, seconds
from service.operations.environment import nodes_of
from service.operations.node import DeclinedError
from service.operations.operator import Operator, print_event


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command on the nodes of the environment variables; returns the exit code."""
    chosen = parser().parse_args(arguments)
    try:
        nodes = nodes_of(os.environ, _client("secretsmanager"))
        with Operator(nodes, dry_run=chosen.dry_run, timeout=chosen.timeout) as operator:
            answer = chosen.run(operator, chosen)
    except NoRegionError:
        return _failed(chosen, "NoRegionError", "'AWS_REGION' should be set, such as us-east-1", 2)
    except _REFUSALS as error:
        return _failed(chosen, type(error).__name__, str(error).strip(), 1)
    print_event({"command": chosen.name, "dry_run": chosen.dry_run, "answer": answer})
    return 0


# What is printed in one line; anything else is a mistake of ours, and shows where.
_REFUSALS = (
    DeclinedError,
    TimeoutError,
    psycopg.Error,
    ValueError,
    BotoCoreError,
    ClientError,
)


def _failed(chosen: argparse.Namespace, kind: str, reason: str, code: int) -> int:
    print_event({"command": chosen.name, "failed": kind, "reason": reason})
    return code


def _client(service: str) -> Any:
    """Return a client of the task's Region: ECS names it AWS_REGION, boto3 reads another name."""
    return boto3.client(service, region_name=os.environ.get("AWS_REGION"))


def _bootstrap(operator: Operator, chosen: argparse.Namespace) -> Any:
    word = None
    if chosen.store == "entity":
        word = canary.password(os.environ, _client("secretsmanager"))
    bootstrap.bootstrap(operator, chosen.store, canary_password=word)
    if chosen.store == "transaction":
        partitions.make_partitions(operator, "transaction", today=datetime.now(UTC).date())
    if (table := os.environ.get("CONTROL_TABLE")) and not operator.dry_run:
        from functions.control_table.mode import begin

        state = begin(_client("dynamodb"), table, by="bootstrap", at=datetime.now(UTC))
        return {"mode": state.mode, "epoch": state.epoch}
    return None


def _partitions(operator: Operator, chosen: argparse.Namespace) -> Any:
    today = datetime.now(UTC).date()
    match chosen.what:
        case "make":
            return partitions.make_partitions(
                operator, chosen.node, today=today, months=chosen.months
            )
        case "detach":
            return partitions.detach_partitions(
                operator, chosen.node, today=today, keep_months=chosen.keep_months
            )
        case _:
            return partitions.state(operator.on(chosen.node), today=today)


def _housekeeping(operator: Operator, chosen: argparse.Namespace) -> Any:
    found = housekeeping.keep(
        operator,
        os.environ,
        _client("secretsmanager"),
        now=datetime.now(UTC),
        keep_months=chosen.keep_months,
    )
    if chosen.publish and not operator.dry_run:
        housekeeping.publish(_client("cloudwatch"), found, environment=chosen.publish)
    return found


def _versions(operator: Operator, _: argparse.Namespace) -> Any:
    return {
        name: schema.version(operator.on(name))
        for name, node in operator.nodes.items()
        if node.store
    }


def _writers(operator: Operator, _: argparse.Namespace) -> Any:
    return {name: fence.state(operator, name) for name in fence.MASTERS if name in operator.nodes}


def _replication(operator: Operator, chosen: argparse.Namespace) -> Any:
    found = operator.links_of() if chosen.link is None else [operator.link(*chosen.link)]
    directions = {
        "establish": replication.establish,
        "verify": replication.verify,
        "pause": replication.pause,
        "resume": replication.resume,
        "redirect": replication.redirect,
    }
    answers = {link.name: directions[chosen.what](operator, link) for link in found}
    if chosen.what == "verify" and any(answers.values()):
        raise DeclinedError(f"replication is not whole: {answers}")
    return answers


def _compare(operator: Operator, chosen: argparse.Namespace) -> Any:
    result = compare.compare(operator, chosen.left, chosen.right)
    if not result["equal"]:
        raise DeclinedError(f"{chosen.left} and {chosen.right} differ: {result['tables']}")
    return result


def _lag(operator: Operator, chosen: argparse.Namespace) -> Any:
    found = lag.report(operator, delay_target=chosen.delay_target)
    if chosen.publish:
        lag.publish(_client("cloudwatch"), found, environment=chosen.publish)
    return found


def _promote(operator: Operator, chosen: argparse.Namespace) -> Any:
    if chosen.cluster_lost:
        return promotion.promote_other(operator, chosen.lost)
    print_event({"detection_budget_seconds": detection.detection_budget()})
    if chosen.when_lost:
        detection.wait_until_lost(operator, chosen.lost)
        print_event({"lost": chosen.lost})
    return promotion.promote_reader(operator, chosen.lost, rds=_client("rds"))


def _heal(operator: Operator, chosen: argparse.Namespace) -> Any:
    if chosen.unattended:
        _require_no_holder()
        found = heal.heal_unattended(operator)
    else:
        found = heal.heal(operator)
    if any("error" in link for link in found.values()):
        raise DeclinedError(f"a node does not answer, the other links are whole: {found}")
    return found


def _require_no_holder() -> None:
    """DeclinedError while somebody holds the Region's lock: they pause and resume themselves."""
    if table := os.environ.get("CONTROL_TABLE"):
        from functions.control_table import lock

        if held := lock.read(_client("dynamodb"), table):
            raise DeclinedError(f"{held.holder} holds the lock since {held.since}: heal afterwards")


def _delayed(operator: Operator, chosen: argparse.Namespace) -> Any:
    node = "delayed"
    match chosen.what:
        case "state":
            return delayed.state(operator, node)
        case "pause":
            paused = delayed.pause(operator, node)
            if chosen.table is None:
                return paused
            found = delayed.candidates(operator, node, chosen.table, chosen.source)
            return {**paused, "candidates": found}
        case "candidates":
            return delayed.candidates(operator, node, chosen.table, chosen.source)
        case "recover":
            return delayed.recover(operator, node, lsn=chosen.lsn, time=chosen.time)
        case "dump":
            return lost_rows.dump(operator, node, chosen.table, chosen.file)
        case "restore-rows":
            return {
                table: lost_rows.restore_rows(operator, node, table, chosen.to)
                for table in chosen.tables
            }
        case _:
            return delayed.follow(operator, node, source=chosen.source, reclone=chosen.reclone)


def parser() -> argparse.ArgumentParser:
    """Return the parser of every command; `run` of what it parses is called with the operator."""
    made = argparse.ArgumentParser(prog="python -m service.operations", description=__doc__)
    made.add_argument("--dry-run", action="store_true", help="print the statements, change nothing")
    made.add_argument("--timeout", type=seconds, default=120, help="seconds of every wait (120)")
    commands = made.add_subparsers(dest="name", required=True, metavar="command")

    def add(name: str, run: Any, help: str, *positional: str) -> argparse.ArgumentParser:
        found = commands.add_parser(name, help=help, description=help)
        for argument in positional:
            found.add_argument(argument)
        found.set_defaults(run=run)
        return found

    add(
        "bootstrap", _bootstrap, "the first start of a store; later it changes nothing"
    ).add_argument("store", choices=("entity", "transaction"))
    add("canary", _canary, "the account that upgrades log in as, with its secret's password")
    command = add("migrate", _migrate, "bring a node up to a version", "node")
    command.add_argument("--to", type=int, help="the version; default: the newest")
    command = add("revert", _revert, "bring a node back down to a version", "node")
    command.add_argument("--to", type=int, required=True)
    add("versions", _versions, "the version of every node")
    add("writers", _writers, "which master takes the application's writes, and which is fenced")
    _add_partitions(add("partitions", _partitions, "the months of the audit log"))
    command = add(
        "housekeeping", _housekeeping, "what has a date: partitions, certificates, passwords"
    )
    command.add_argument("--keep-months", type=int, required=True, help="of the audit log")
    command.add_argument("--publish", metavar="ENVIRONMENT", help="into CloudWatch")
    add("fence", lambda o, c: fence.fence(o, c.node), "refuse writes on a node", "node")
    add("unfence", lambda o, c: fence.unfence(o, c.node), "take writes on a node", "node")
    command = add("drain", _drain, "wait until what was written is everywhere", "node")
    command.add_argument("--terminate-after", type=seconds, help="seconds; default: wait on")
    add("advance", lambda o, c: slots.advance(o, c.node), "lead slots past a migration", "node")
    command = add("replication", _replication, "one direction, or with no nodes all of them")
    command.add_argument("what", choices=("establish", "verify", "pause", "resume", "redirect"))
    command.add_argument("link", nargs="*", action=LinkAction, metavar="publisher subscriber")
    add("compare", _compare, "counts and checksums of two nodes", "left", "right")
    command = add("lag", _lag, "how far every replica is behind")
    command.add_argument("--publish", metavar="ENVIRONMENT", help="into CloudWatch")
    command.add_argument("--delay-target", type=seconds, help="seconds that D has to be behind")
    command = add("promote", _promote, "a master is lost: its reader takes over")
    command.add_argument("--lost", required=True, choices=fence.MASTERS)
    how = command.add_mutually_exclusive_group()
    how.add_argument("--when-lost", action="store_true", help="ask it until it is lost, then")
    how.add_argument("--cluster-lost", action="store_true", help="no reader either: the other one")
    command = add(
        "move", lambda o, c: promotion.move(o, c.to), "let the other master take the writes"
    )
    command.add_argument("to", choices=fence.MASTERS)
    command = add("reconcile", lambda o, c: reconcile.reconcile(o, c.node), "a lost master is back")
    command.add_argument("node", choices=fence.MASTERS)
    command = add("heal", _heal, "after a failover: restore every link that is broken")
    command.add_argument(
        "--unattended", action="store_true", help="until the timeout; leaves what is paused"
    )
    command = add(
        "repoint", lambda o, c: repoint.repoint(o, c.to), "let the follower take a master"
    )
    command.add_argument("to", choices=fence.MASTERS)
    command = add("rebuild", _rebuild, "a master anew from a clone of the other")
    command.add_argument("what", choices=("prepare", "finish"))
    command.add_argument("node", choices=fence.MASTERS)
    command = add("upgrade", _upgrade, "one row of an upgrade's table (docs/runbooks/upgrade.md)")
    command.add_argument("what", choices=UPGRADE_COMMANDS)
    _add_delayed(add("delayed", _delayed, "the time-delayed replica"))
    return made


def _add_partitions(command: argparse.ArgumentParser) -> None:
    whats = command.add_subparsers(dest="what", required=True)
    what = whats.add_parser("make", help="this month's and the coming ones'")
    what.add_argument("node")
    what.add_argument("--months", type=int, default=partitions.MONTHS_AHEAD)
    what = whats.add_parser("detach", help="those of months that are old; the tables stay")
    what.add_argument("node")
    what.add_argument("--keep-months", type=int, required=True)
    whats.add_parser("state", help="which there are").add_argument("node")


def _add_delayed(command: argparse.ArgumentParser) -> None:
    whats = command.add_subparsers(dest="what", required=True)
    whats.add_parser("state", help="how far it has received and replayed")
    what = whats.add_parser("pause", help="replay nothing more; with a table, its candidates too")
    what.add_argument("table", nargs="?")
    what.add_argument("--source", default="follower", help="whom it follows")
    what = whats.add_parser("candidates", help="transactions that changed a table and still wait")
    what.add_argument("table")
    what.add_argument("--source", default="follower", help="whom it follows")
    what = whats.add_parser("recover", help="to just before a place or a time")
    target = what.add_mutually_exclusive_group(required=True)
    target.add_argument("--lsn", help="such as 0/3000148")
    target.add_argument("--time", help="such as '2026-01-31 12:00:00.5+00'")
    what = whats.add_parser("dump", help="a table, as CSV")
    what.add_argument("table")
    what.add_argument("file", type=Path)
    what = whats.add_parser("restore-rows", help="insert what a master lacks of tables")
    what.add_argument("tables", nargs="+", metavar="table", help="parents before children")
    what.add_argument("--to", default="entity-a")
    what = whats.add_parser("follow", help="back to following with its delay")
    what.add_argument("--source", default="follower", help="whom it follows")
    what.add_argument(
        "--reclone", action="store_true", help="copied again, where it cannot go back"
    )


def _migrate(operator: Operator, chosen: argparse.Namespace) -> Any:
    return migrations.migrate(operator, chosen.node, to=chosen.to)


def _revert(operator: Operator, chosen: argparse.Namespace) -> Any:
    return migrations.revert(operator, chosen.node, to=chosen.to)


def _upgrade(operator: Operator, chosen: argparse.Namespace) -> Any:
    if chosen.what in _AS_CANARY:
        word = canary.require_password(os.environ, _client("secretsmanager"))
        return _AS_CANARY[chosen.what](os.environ, word)
    without = filter(None, os.environ.get("UPGRADE_WITHOUT", "").split(","))
    return upgrade.run(
        operator,
        chosen.what,
        without=tuple(without),
        claimed=os.environ.get("UPGRADE_CLASS", judgement.BREAKING),
        wanted=_require_wanted,
    )


# What needs no database: it asks the service as a user does.
_AS_CANARY: dict[str, Callable[[Mapping[str, str], str], Any]] = {
    "smoke": smoke.smoke,
    "logins-at-a-tenth": logins.at_a_tenth,
    "logins-at-all": logins.at_all,
}
UPGRADE_COMMANDS = (*upgrade.COMMANDS, *_AS_CANARY)


def _canary(operator: Operator, _: argparse.Namespace) -> str:
    word = canary.require_password(os.environ, _client("secretsmanager"))
    return canary.set_password(operator, word)


def _require_wanted() -> None:
    """DeclinedError where the upgrade that started this task has been taken over meanwhile."""
    if upgrade_name := os.environ.get("UPGRADE_NAME"):
        from functions.control_table import plan_owner

        try:
            plan_owner.require_owned(
                _client("dynamodb"),
                os.environ["CONTROL_TABLE"],
                upgrade=upgrade_name,
                execution=os.environ["UPGRADE_EXECUTION"],
                way=os.environ["UPGRADE_WAY"],
            )
        except plan_owner.NotOwnedError as error:
            raise DeclinedError(str(error)) from None


def _drain(operator: Operator, chosen: argparse.Namespace) -> Any:
    return slots.drain(operator, chosen.node, terminate_after=chosen.terminate_after)


def _rebuild(operator: Operator, chosen: argparse.Namespace) -> Any:
    command = rebuild.prepare if chosen.what == "prepare" else rebuild.finish
    return command(operator, chosen.node)

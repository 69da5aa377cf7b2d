"""`mainstay-upgrade start --image <image> | status | resume | abort`: an upgrade, followed.

Each act prints what the upgrade does as it does it, from its journal, and ends with it; Ctrl-C
ends the watching and not the upgrade. Exit code 0: upgraded, or rolled back as `abort` asked; 1:
anything else, with why.
"""

from __future__ import annotations

import argparse
import getpass
import json
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import boto3

from cli.upgrade.find import REGION, NotFoundError, machine, table
from functions.control_table import journal, lock
from functions.upgrade import plan as plans

_PAUSE_SECONDS = 1.0
Client = Callable[[str], Any]


class RefusedError(Exception):
    """Not in this state of things; the message says what would do."""


def main(arguments: Sequence[str] | None = None, *, client: Client | None = None) -> int:
    """Do one act; see the module for the exit codes."""
    given = _parser().parse_args(arguments)
    made = client or (lambda service: boto3.client(service, region_name=given.region))
    try:
        return _ACTS[given.act](_Upgrades(made, given.environment, given.region), given)
    except (RefusedError, NotFoundError) as refusal:
        print(refusal, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nthe upgrade goes on: `mainstay-upgrade status` shows it", file=sys.stderr)
        return 1


class _Upgrades:
    """The upgrades of one environment."""

    def __init__(self, client: Client, environment: str, region: str) -> None:
        self.sfn, self.dynamodb = client("stepfunctions"), client("dynamodb")
        self.machine = machine(client, environment)["stateMachineArn"]
        self.table = table(client, environment, region)

    def current(self, name: str | None) -> str:
        """The upgrade of that name, or the one that holds the lock. Raises RefusedError."""
        if name:
            return name
        held = lock.read(self.dynamodb, self.table)
        if held is None or not held.token.startswith("upgrade "):
            who = "nobody" if held is None else held.holder
            raise RefusedError(f"no upgrade is under way: the lock is {who}'s; name one with --id")
        return held.token.removeprefix("upgrade ")

    def plan(self, upgrade: str) -> plans.Plan:
        found = plans.read(self.dynamodb, self.table, upgrade)
        if found is None:
            raise RefusedError(f"no upgrade '{upgrade}' is known here")
        return found

    def running(self, upgrade: str) -> list[str]:
        """Executions of an upgrade that still run."""
        pages = self.sfn.get_paginator("list_executions").paginate(
            stateMachineArn=self.machine, statusFilter="RUNNING"
        )
        return [
            each["executionArn"]
            for page in pages
            for each in page["executions"]
            if each["name"].rpartition("-")[0] == upgrade
        ]

    def start(self, upgrade: str, given: dict[str, Any]) -> str:
        """A new execution, named after the upgrade."""
        return self.sfn.start_execution(
            stateMachineArn=self.machine,
            name=f"{upgrade}-{uuid.uuid4().hex[:8]}",
            input=json.dumps({"upgrade": upgrade, **given}),
        )["executionArn"]

    def follow(self, upgrade: str, execution: str, *, wanted: str) -> int:
        """Print the journal as it grows, until the execution has ended; the exit code of that."""
        seen = 0
        while True:
            told = self.sfn.describe_execution(executionArn=execution)
            for entry in list(journal.entries(self.dynamodb, self.table, upgrade))[seen:]:
                seen += 1
                print(f"{entry.at}  {entry.state:8} {entry.step:10} {entry.detail}", flush=True)
            if told["status"] != "RUNNING":
                break
            time.sleep(_PAUSE_SECONDS)
        outcome = {"SUCCEEDED": "upgraded"}.get(told["status"], told.get("error", told["status"]))
        print(f"{outcome}: {told.get('cause') or 'every row of the table is done'}")
        return 0 if outcome == wanted else 1


def _start(upgrades: _Upgrades, given: argparse.Namespace) -> int:
    upgrade = given.id or f"u{datetime.now(UTC):%Y%m%d-%H%M%S}"
    if upgrades.running(upgrade):
        raise RefusedError(f"upgrade '{upgrade}' runs already: `mainstay-upgrade status`")
    told = {"image": given.image, "by": given.by, "bake_seconds": given.bake, "intent": "go"}
    execution = upgrades.start(upgrade, told)
    print(f"upgrade {upgrade} to {given.image}: {execution}")
    return 0 if given.detach else upgrades.follow(upgrade, execution, wanted="upgraded")


def _status(upgrades: _Upgrades, given: argparse.Namespace) -> int:
    upgrade = upgrades.current(given.id)
    plan = upgrades.plan(upgrade)
    for entry in journal.entries(upgrades.dynamodb, upgrades.table, upgrade):
        print(f"{entry.at}  {entry.state:8} {entry.step:10} {entry.detail}")
    executions = upgrades.running(upgrade)
    print(
        f"\nupgrade {upgrade} to {plan.image}, by {plan.by}: {plan.outcome or plan.way} at "
        f"{plan.at}, {'past' if plan.committed else 'before'} the commit point, "
        f"{'running' if executions else 'not running'}"
    )
    if plan.reason:
        print(f"why: {plan.reason}")
    if not executions and plan.way != plans.ENDED:
        print("next: `mainstay-upgrade resume`" + ("" if plan.committed else ", or `abort`"))
    return 0


def _resume(upgrades: _Upgrades, given: argparse.Namespace) -> int:
    upgrade = upgrades.current(given.id)
    if upgrades.running(upgrade):
        raise RefusedError(f"upgrade '{upgrade}' runs: nothing to resume")
    upgrades.plan(upgrade)
    told = {"intent": "go", "by": given.by, "take_mode": given.take_mode}
    return upgrades.follow(upgrade, upgrades.start(upgrade, told), wanted="upgraded")


def _abort(upgrades: _Upgrades, given: argparse.Namespace) -> int:
    """The execution is stopped first: what it has begun, the next one undoes."""
    upgrade = upgrades.current(given.id)
    if upgrades.plan(upgrade).committed:
        raise RefusedError(f"upgrade '{upgrade}' is past its commit point: resume it")
    for execution in upgrades.running(upgrade):
        upgrades.sfn.stop_execution(executionArn=execution, error="Aborted", cause=given.by)
    execution = upgrades.start(upgrade, {"intent": "abort", "by": given.by})
    return upgrades.follow(upgrade, execution, wanted="Upgrade.RolledBack")


_ACTS = {"start": _start, "status": _status, "resume": _resume, "abort": _abort}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mainstay-upgrade", description=__doc__)
    parser.add_argument("--environment", default="production")
    parser.add_argument("--region", default=REGION, help="its primary Region")
    parser.add_argument("--by", default=getpass.getuser(), help="who (you)")
    acts = parser.add_subparsers(dest="act", required=True)
    start = acts.add_parser("start", help="upgrade to an image")
    start.add_argument("--image", required=True)
    start.add_argument("--id", help="1 to 36 of A-Z a-z 0-9 . _ -; default: the moment")
    start.add_argument("--bake", type=int, default=180, help="seconds at a tenth, 0 to 840 (180)")
    start.add_argument("--detach", action="store_true", help="start it and do not watch")
    for name, text in (
        ("status", "what an upgrade has done, and what is next"),
        ("resume", "go on where it stopped"),
        ("abort", "undo it, before its commit point"),
    ):
        act = acts.add_parser(name, help=text)
        act.add_argument("--id", help="default: the one that holds the lock")
        if name == "resume":
            act.add_argument(
                "--take-mode",
                action="store_true",
                help="make somebody else's READ_ONLY the upgrade's, which leaves it at its end",
            )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())

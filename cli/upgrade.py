"""`mainstay upgrade plan --image IMAGE | start --image IMAGE | status | resume | abort`.

Each command prints what the upgrade does as it does it, from its journal, and ends with it; Ctrl-C
ends the watching and not the upgrade. Exit code 0: upgraded, or rolled back as `abort` asked; 1:
anything else, with why.
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from cli.command import EXIT_CODES, SETTINGS, as_json, on_environment
from cli.deployed import Deployed
from cli.errors import CommandRefusedError, InterruptionError
from cli.output import answer
from cli.upgrade_plan import plan, planned
from functions.control_table import journal, lock
from functions.upgrade import debts
from functions.upgrade import plan as plans
from functions.upgrade.debts import HELPERS
from functions.upgrade.gate import SIGNAL_SECONDS

_POLL_SECONDS = 1.0

_without = click.option(
    "--without",
    multiple=True,
    type=click.Choice(HELPERS),
    help="A helper that is away: its part is listed as owed, and `resume --id` pays it later.",
)
_id = click.option("--id", "name", help="The upgrade.  [default: the one that holds the lock]")


class Upgrades:
    """The upgrades of one environment."""

    def __init__(self, deployed: Deployed, *, as_json: bool) -> None:
        self.sfn, self.dynamodb = deployed.client("stepfunctions"), deployed.client("dynamodb")
        self.machine, self.table = deployed.upgrade_machine(), deployed.control_table()
        self.as_json = as_json

    def current(self, name: str | None) -> str:
        """Return the name, or the lock holder's where it is None. Raises CommandRefusedError."""
        if name:
            return name
        held = lock.read(self.dynamodb, self.table)
        if held is None or not held.token.startswith("upgrade "):
            who = "nobody" if held is None else held.holder
            raise CommandRefusedError(
                f"no upgrade is under way: the lock is {who}'s; name one with --id"
            )
        return held.token.removeprefix("upgrade ")

    def plan(self, upgrade: str) -> plans.Plan:
        """Return what is known of an upgrade. Raises CommandRefusedError where that is nothing."""
        found = plans.read(self.dynamodb, self.table, upgrade)
        if found is None:
            raise CommandRefusedError(f"no upgrade '{upgrade}' is known here")
        return found

    def running(self, upgrade: str) -> list[str]:
        """Return the ARNs of an upgrade's executions that still run."""
        pages = self.sfn.get_paginator("list_executions").paginate(
            stateMachineArn=self.machine, statusFilter="RUNNING"
        )
        return [
            each["executionArn"]
            for page in pages
            for each in page["executions"]
            if each["name"].rpartition("-")[0] == upgrade
        ]

    def start(self, upgrade: str, **given: Any) -> str:
        """Start an execution, named after the upgrade, and return its ARN."""
        return self.sfn.start_execution(
            stateMachineArn=self.machine,
            name=f"{upgrade}-{uuid.uuid4().hex[:8]}",
            input=json.dumps({"upgrade": upgrade, **given}),
        )["executionArn"]

    def follow(self, upgrade: str, execution: str, *, wanted: str) -> int:
        """Print the journal as it grows until the execution ends; return the exit code of that.

        Raises InterruptionError at Ctrl-C; the upgrade goes on.
        """
        seen = 0
        try:
            while True:
                found = self.sfn.describe_execution(executionArn=execution)
                seen += self.journal(upgrade, after=seen)
                if found["status"] != "RUNNING":
                    break
                time.sleep(_POLL_SECONDS)
        except KeyboardInterrupt:
            raise InterruptionError(
                "the upgrade goes on: `mainstay upgrade status` shows it"
            ) from None
        outcome = {"SUCCEEDED": "upgraded"}.get(
            found["status"], found.get("error", found["status"])
        )
        why = found.get("cause") or "every row of the table is done"
        self.emit({"outcome": outcome, "why": why}, f"{outcome}: {why}")
        return 0 if outcome == wanted else 1

    def journal(self, upgrade: str, *, after: int = 0) -> int:
        """Print the journal's lines behind the first `after`, and return how many these are."""
        lines = list(journal.entries(self.dynamodb, self.table, upgrade))[after:]
        for each in lines:
            self.emit(asdict(each), f"{each.at}  {each.state:8} {each.step:10} {each.detail}")
        return len(lines)

    def emit(self, value: dict[str, Any], text: str) -> None:
        """Print one thing, for a program or for a person."""
        if self.as_json:
            answer(value, as_json=True)
        else:
            click.echo(text)


@click.group(epilog=EXIT_CODES, context_settings=SETTINGS)
def upgrade() -> None:
    """Plan, start, follow, resume or abort an upgrade in eight steps."""


upgrade.add_command(plan)


@upgrade.command()
@click.option("--image", required=True, help="The image of the new version.")
@click.option("--id", "name", help="1 to 36 of A-Z a-z 0-9 . _ -  [default: the time]")
@click.option(
    "--bake",
    type=click.IntRange(0, 840),
    default=240,
    show_default=True,
    help="Seconds for which a tenth of the traffic tries the new version.",
)
@click.option(
    "--class",
    "kind",
    type=click.Choice(plans.KINDS),
    help="Do not plan, but go by this class; one that is too mild is refused.",
)
@click.option("--detach", is_flag=True, help="Start it and do not watch.")
@as_json
@on_environment
def start(
    deployed: Deployed,
    image: str,
    name: str | None,
    bake: int,
    kind: str | None,
    detach: bool,
    as_json: bool,
) -> int:
    """Plan an upgrade to an image, start it by the class of its migrations, and watch it."""
    upgrades, name = (
        Upgrades(deployed, as_json=as_json),
        name or f"u{datetime.now(UTC):%Y%m%d-%H%M%S}",
    )
    if upgrades.running(name):
        raise CommandRefusedError(f"upgrade '{name}' runs already: `mainstay upgrade status`")
    kind = kind or planned(deployed, image, as_json=as_json)
    given = {"image": image, "by": deployed.by, "bake_seconds": bake, "class": kind}
    execution = upgrades.start(name, **given, intent="go")
    value = {"upgrade": name, "image": image, "class": kind, "execution": execution}
    way = "in eight steps" if kind == plans.BREAKING else "with no read-only window"
    upgrades.emit(value, f"upgrade {name} to {image} ({kind}, {way}): {execution}")
    if bake < SIGNAL_SECONDS and not as_json:
        click.echo(
            f"A bake of {bake} s is shorter than the {SIGNAL_SECONDS} s until what users get of "
            "both halves is published: the canary's logins alone judge the new code"
        )
    return 0 if detach else upgrades.follow(name, execution, wanted="upgraded")


@upgrade.command()
@_id
@as_json
@on_environment
def status(deployed: Deployed, name: str | None, as_json: bool) -> None:
    """Show what an upgrade has done, and what is next."""
    upgrades = Upgrades(deployed, as_json=as_json)
    name = upgrades.current(name)
    plan, runs = upgrades.plan(name), bool(upgrades.running(name))
    upgrades.journal(name)
    choices = ["resume"] if plan.committed else ["resume", "abort"]
    following = choices if not runs and plan.way != plans.ENDED else []
    if plan.way == plans.ENDED and plan.debts and not runs:
        following = ["resume"]
    lines = [
        f"\nupgrade {name} to {plan.image}, by {plan.by}: {plan.outcome or plan.way} at "
        f"{plan.at}, {'past' if plan.committed else 'before'} the commit point, "
        f"{'running' if runs else 'not running'}",
        *([f"why: {plan.reason}"] if plan.reason else []),
        *(f"owed: {debt}" for debt in debts.listed(plan)),
        *([f"next: `mainstay upgrade {'` or `'.join(following)}`"] if following else []),
    ]
    value = {"upgrade": name, **asdict(plan), "running": runs, "next": following}
    upgrades.emit(value, "\n".join(lines))


@upgrade.command()
@_id
@click.option(
    "--take-mode",
    is_flag=True,
    help="Make somebody else's READ_ONLY the upgrade's, which leaves it at its end.",
)
@_without
@as_json
@on_environment
def resume(
    deployed: Deployed,
    name: str | None,
    take_mode: bool,
    without: tuple[str, ...],
    as_json: bool,
) -> int:
    """Go on with an upgrade where it stopped, or pay what one that has ended still owes."""
    upgrades = Upgrades(deployed, as_json=as_json)
    name = upgrades.current(name)
    if upgrades.running(name):
        raise CommandRefusedError(f"upgrade '{name}' runs: nothing to resume")
    plan = upgrades.plan(name)
    execution = upgrades.start(
        name, intent="go", by=deployed.by, take_mode=take_mode, without=without
    )
    back = plan.way == plans.BACK or plan.outcome == "rolled back"
    return upgrades.follow(name, execution, wanted="Upgrade.RolledBack" if back else "upgraded")


@upgrade.command()
@_id
@_without
@as_json
@on_environment
def abort(deployed: Deployed, name: str | None, without: tuple[str, ...], as_json: bool) -> int:
    """Undo an upgrade, before its commit point."""
    upgrades = Upgrades(deployed, as_json=as_json)
    name = upgrades.current(name)
    if upgrades.plan(name).committed:
        raise CommandRefusedError(
            f"upgrade '{name}' is past its commit point: `mainstay upgrade resume`"
        )
    # Stopped first: what an execution has begun, the next one undoes.
    for execution in upgrades.running(name):
        upgrades.sfn.stop_execution(executionArn=execution, error="Aborted", cause=deployed.by)
    execution = upgrades.start(name, intent="abort", by=deployed.by, without=without)
    return upgrades.follow(name, execution, wanted="Upgrade.RolledBack")

"""`mainstay mode show | enter | leave`: the read-only mode of a Region, changed by people.

`show` prints every Region, and marks each live task that does not do what its table says.

Anybody may enter at any time. Leaving is checked: no upgrade holds the lock, nobody has changed
the mode since it was shown, the person names its epoch, and no cause stands: no alarm of the stack
`...-readonly` is in ALARM, and every master has its writer. `--force` leaves past a cause, and
`--past-lock TOKEN` past the lock of an upgrade that cannot go on; the record says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError
from click.core import ParameterSource

from cli.beliefs import LAYERS, beliefs
from cli.causes import causes, locks, readers_of
from cli.command import EXIT_CODES, SETTINGS, as_json, on_environment
from cli.deployed import Deployed
from cli.errors import CommandRefusedError
from cli.output import answer, table
from functions import reader_parity
from functions.control_table import lock
from functions.control_table import mode as modes
from functions.control_table.mode import NoModeError

_table = click.option("--table", "name", help="The control table, where its stack is not there.")
_reason = click.option("--reason", required=True, help="Why, for whoever reads it at 03:30.")


@click.group(epilog=EXIT_CODES, context_settings=SETTINGS)
def mode() -> None:
    """Show the mode of a Region, enter READ_ONLY, leave it."""


@mode.command()
@_table
@as_json
@on_environment
def show(deployed: Deployed, name: str | None, as_json: bool) -> None:
    """Show the mode, what each live task believes, what stands against leaving.

    Every Region is shown, or the one of --region.
    """
    chosen = click.get_current_context().get_parameter_source("region")
    alone = name is not None or chosen is not ParameterSource.DEFAULT
    stand = causes(deployed)
    for region in [deployed.region] if alone else deployed.regions:
        there = deployed.beside(region)
        try:
            shown = _shown(there, name or there.control_table())
        except (ClientError, BotoCoreError, CommandRefusedError) as error:
            if region == deployed.region:
                raise
            click.echo(f"{region}: does not answer: {error}", err=True)
            continue
        against = {"causes": stand} if as_json and region == deployed.region else {}
        _print({**shown, **against}, there, as_json=as_json)
    for cause in () if as_json else stand:
        click.echo(f"stands against leaving READ_ONLY: {cause}")


@mode.command()
@_reason
@_table
@as_json
@on_environment
def enter(deployed: Deployed, reason: str, name: str | None, as_json: bool) -> None:
    """Enter READ_ONLY: logins go on, writes are answered 503."""
    name, now = name or deployed.control_table(), datetime.now(UTC)
    dynamodb = deployed.client("dynamodb")
    modes.enter_read_only(dynamodb, name, reason=reason, by=deployed.by, at=now)
    _print(_shown(deployed, name), deployed, as_json=as_json)


@mode.command()
@click.option("--epoch", type=int, required=True, help="Of the READ_ONLY, as `show` prints it.")
@_reason
@click.option("--force", is_flag=True, help="Leave although a cause stands; it is recorded.")
@click.option("--past-lock", metavar="TOKEN", help="Leave although this lock is held; see why not.")
@_table
@as_json
@on_environment
def leave(
    deployed: Deployed,
    epoch: int,
    reason: str,
    force: bool,
    past_lock: str | None,
    name: str | None,
    as_json: bool,
) -> None:
    """Leave READ_ONLY, where no cause and no lock stands."""
    name = name or deployed.control_table()
    held, stand = list(locks(deployed, name)), causes(deployed)
    reason = _allowed(reason, held=held, stand=stand, force=force, past_lock=past_lock)
    dynamodb, now = deployed.client("dynamodb"), datetime.now(UTC)
    modes.leave_read_only(dynamodb, name, epoch=epoch, reason=reason, by=deployed.by, at=now)
    _lower_readers(deployed)
    _print(_shown(deployed, name), deployed, as_json=as_json)


def _lower_readers(deployed: Deployed) -> None:
    """Give the other master the least readers of the template: READ_ONLY may have raised them."""
    cluster, _, least = readers_of(deployed).partition("=")
    if least:
        reader_parity.set_least(deployed.client("application-autoscaling"), cluster, int(least))


# Of leaving past the lock of an upgrade, in words for whoever is about to.
_COST = (
    "it costs: that upgrade stops for good at its next row, what it changed stays as it is, and a "
    "server whose release is not the database's version answers writes with 503"
)


def _allowed(
    reason: str,
    *,
    held: Sequence[lock.Lock],
    stand: Sequence[str],
    force: bool,
    past_lock: str | None,
) -> str:
    """Return the reason for the record. Raises CommandRefusedError with all that is against it."""
    locks = [each for each in held if each.token != past_lock]
    against = [
        *stand,
        *(
            f"{each.holder} holds the lock since {each.since}: `mainstay upgrade resume` or "
            "`abort` first, they leave the mode in the right moment. Where neither can go on, "
            f"--past-lock '{each.token}'; {_COST}"
            for each in locks
        ),
    ]
    if locks or (stand and not force):
        last = [] if locks else ["fix that, or leave all the same with --force"]
        raise CommandRefusedError("\n  ".join(["READ_ONLY is still needed:", *against, *last]))
    passed = [*stand, *(f"{each.holder} holds the lock" for each in held)]
    return f"{reason} (forced, although {'; '.join(passed)})" if passed else reason


def _shown(deployed: Deployed, name: str) -> dict[str, Any]:
    dynamodb, now = deployed.client("dynamodb"), datetime.now(UTC)
    state = modes.read(dynamodb, name)
    if state is None:
        raise NoModeError(f"'{name}' has no mode yet; run the bootstrap of this Region")
    held = lock.read(dynamodb, name)
    found = beliefs(deployed, name, state, now=now)
    return {
        "region": deployed.region,
        **asdict(state),
        "lock": None if held is None else asdict(held),
        "tasks": [asdict(each) for each in found.tasks],
        "disagreeing": found.disagreeing,
        "stopped": found.stopped,
        "unlisted": found.unlisted,
    }


def _print(shown: dict[str, Any], deployed: Deployed, *, as_json: bool) -> None:
    if as_json:
        return answer(shown, as_json=True)
    click.echo(
        f"{deployed.region}: {shown['mode']} since {shown['at']}, epoch {shown['epoch']}, "
        f"by {shown['by']}: {shown['reason']}"
    )
    if held := shown["lock"]:
        click.echo(f"lock: {held['holder']} since {held['since']}")
    if tasks := shown["tasks"]:
        table(("layer", "task", "epoch", "mode", ""), [tuple(each.values()) for each in tasks])
    click.echo(_summary(shown))
    return None


def _summary(shown: dict[str, Any]) -> str:
    """Return one line: how many tasks obey, by layer, and who does not."""
    layers = Counter(each["layer"] for each in shown["tasks"])
    counted = ", ".join(f"{layers[layer]} {layer}" for layer in LAYERS) + " tasks"
    wrong = shown["disagreeing"]
    says = f"{wrong} DISAGREE, see the marks" if wrong else "all obey"
    if shown["unlisted"]:
        says += f"; which of them run is not known: {shown['unlisted']}"
    return f"{counted}: {says}"

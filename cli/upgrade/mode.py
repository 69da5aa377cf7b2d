"""`mainstay-mode show | enter --reason | leave`: the read-only mode by a person's word.

Entering is anybody's at any time. Leaving is checked: no upgrade holds the lock, nobody has
changed the mode since it was shown, the person says which epoch is meant, and no cause stands:
no alarm of the stack `...-readonly` is in ALARM, and every master has its writer. `--force` leaves
past a cause, and the record says so; past a lock nothing does.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Any

import boto3

from cli.upgrade.find import REGION, NotFoundError, show, table
from cli.upgrade.standing import Client, causes, locks
from functions.control_table import acknowledgements, lock, mode
from functions.control_table.mode import EpochPassedError, NoModeError


class NotNowError(Exception):
    """Leaving would not be safe; the message says what to do first."""


def main(arguments: Sequence[str] | None = None, *, client: Client | None = None) -> int:
    """Do one act and print the mode after it. Returns 0; 1 when refused, with the reason."""
    given = _parser().parse_args(arguments)
    made = client or _client
    try:
        own = partial(made, region=given.region)
        name = given.table or table(own, given.environment, given.region)
        show(_act(made, name, given))
    except (NotNowError, NotFoundError, EpochPassedError, NoModeError) as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


def _client(service: str, region: str) -> Any:
    return boto3.client(service, region_name=region)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mainstay-mode", description=__doc__)
    parser.add_argument("act", choices=("show", "enter", "leave"))
    parser.add_argument("--environment", default="production")
    parser.add_argument("--region", default=REGION)
    parser.add_argument("--table", help="the control table, where it has another name")
    parser.add_argument("--reason", help="why, for whoever reads it at 03:30")
    parser.add_argument("--by", default=getpass.getuser(), help="who (you)")
    parser.add_argument("--epoch", type=int, help="of the READ_ONLY that is left, as `show` says")
    parser.add_argument("--force", action="store_true", help="leave although a cause stands")
    return parser


def _act(client: Client, name: str, given: argparse.Namespace) -> dict[str, Any]:
    dynamodb, now = client("dynamodb", region=given.region), datetime.now(UTC)
    stand = [] if given.act == "enter" else causes(client, given.environment, given.region)
    if given.act == "enter":
        if not given.reason:
            raise NotNowError("'--reason' should say why, for whoever reads it at 03:30")
        mode.enter_read_only(dynamodb, name, reason=given.reason, by=given.by, at=now)
    elif given.act == "leave":
        who = {"reason": given.reason or "", "by": given.by, "at": now}
        held = list(locks(client, given.environment, given.region, name))
        leave(dynamodb, name, epoch=given.epoch, held=held, stand=stand, force=given.force, **who)
    shown = _shown(dynamodb, name, now)
    return {**shown, "stand": stand} if given.act == "show" else shown


def leave(
    dynamodb: Any,
    table_name: str,
    *,
    epoch: int | None,
    reason: str,
    by: str,
    at: datetime,
    held: Sequence[lock.Lock],
    stand: Sequence[str],
    force: bool,
) -> None:
    """Raises NotNowError or EpochPassedError unless nothing speaks against it.

    With `force` the causes that `stand` are left past, and written into the record's reason; what
    is `held` is not.
    """
    if epoch is None or not reason:
        raise NotNowError("leaving needs '--epoch', as `mainstay-mode show` says it, and --reason")
    against = [
        *stand,
        *(
            f"{each.holder} holds the lock since {each.since}: `mainstay-upgrade resume` or "
            "`abort` first, they leave the mode in the right moment"
            for each in held
        ),
    ]
    if held or (against and not force):
        last = [] if held else ["mend that, or leave all the same with `--force`"]
        raise NotNowError("\n".join(["READ_ONLY is still needed:", *against, *last]))
    if against:
        reason = f"{reason} (forced, although {'; '.join(against)})"
    mode.leave_read_only(dynamodb, table_name, epoch=epoch, reason=reason, by=by, at=at)


def _shown(dynamodb: Any, name: str, now: datetime) -> dict[str, Any]:
    state = mode.read(dynamodb, name)
    if state is None:
        raise NoModeError(f"'{name}' has no mode yet; run the bootstrap of this Region")
    held = lock.read(dynamodb, name)
    obeyed = {
        layer: {
            found.task_id: found.epoch
            for found in acknowledgements.acknowledgements(dynamodb, name, layer=layer, now=now)
        }
        for layer in ("edge", "app", "worker")
    }
    return {
        **asdict(state),
        "lock": None if held is None else asdict(held),
        "acknowledged": obeyed,
    }


if __name__ == "__main__":
    raise SystemExit(main())

"""`mainstay-mode show | enter --reason | leave`: the read-only mode by a person's word.

Entering is anybody's at any time. Leaving is checked: no upgrade holds the lock, nobody has
changed the mode since it was shown, and the person says which epoch is meant.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import boto3

from control_table import acknowledgements, lock, mode
from control_table.mode import EpochPassedError, NoModeError
from upgrade_cli.find import REGION, NotFoundError, show, table


class NotNowError(Exception):
    """Leaving would not be safe; the message says what to do first."""


def main(
    arguments: Sequence[str] | None = None, *, client: Callable[[str], Any] | None = None
) -> int:
    """Do one act and print the mode after it. Returns 0; 1 when refused, with the reason."""
    given = _parser().parse_args(arguments)
    made = client or (lambda service: boto3.client(service, region_name=given.region))  # type: ignore[call-overload]
    try:
        name = given.table or table(made, given.environment, given.region)
        show(_act(made("dynamodb"), name, given))
    except (NotNowError, NotFoundError, EpochPassedError, NoModeError) as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mainstay-mode", description=__doc__)
    parser.add_argument("act", choices=("show", "enter", "leave"))
    parser.add_argument("--environment", default="production")
    parser.add_argument("--region", default=REGION)
    parser.add_argument("--table", help="the control table, where it has another name")
    parser.add_argument("--reason", help="why, for whoever reads it at 03:30")
    parser.add_argument("--by", default=getpass.getuser(), help="who (you)")
    parser.add_argument("--epoch", type=int, help="of the READ_ONLY that is left, as `show` says")
    return parser


def _act(dynamodb: Any, name: str, given: argparse.Namespace) -> dict[str, Any]:
    now = datetime.now(UTC)
    if given.act == "enter":
        if not given.reason:
            raise NotNowError("'--reason' should say why, for whoever reads it at 03:30")
        mode.enter_read_only(dynamodb, name, reason=given.reason, by=given.by, at=now)
    elif given.act == "leave":
        leave(dynamodb, name, epoch=given.epoch, reason=given.reason or "", by=given.by, at=now)
    return _shown(dynamodb, name, now)


def leave(
    dynamodb: Any, table_name: str, *, epoch: int | None, reason: str, by: str, at: datetime
) -> None:
    """Raises NotNowError or EpochPassedError unless nothing speaks against it."""
    if epoch is None or not reason:
        raise NotNowError("leaving needs '--epoch', as `mainstay-mode show` says it, and --reason")
    held = lock.read(dynamodb, table_name)
    if held is not None:
        raise NotNowError(
            f"{held.holder} holds the lock since {held.since}: `mainstay-upgrade resume` or "
            "`abort` first, they leave the mode in the right moment"
        )
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

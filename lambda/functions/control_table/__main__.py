"""The mode of a Region by a person's hand: `python -m control_table show --table <name>`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import boto3

from functions.control_table.mode import (
    EpochPassedError,
    NoModeError,
    begin,
    enter_read_only,
    leave_read_only,
    read,
)


def main(arguments: Sequence[str], dynamodb: Any | None = None) -> int:
    """Do one act, print the state after it, and return 0; 1 when it was refused, with the reason.

    `begin` makes the first state of a Region, once; `read-only` may be entered by anybody at any
    time; `read-write` leaves the epoch that is named, and no other.
    """
    parser = argparse.ArgumentParser(prog="python -m control_table", description=main.__doc__)
    parser.add_argument("act", choices=("show", "begin", "read-only", "read-write"))
    known = os.environ.get("CONTROL_TABLE")  # of a task that has the grant
    parser.add_argument(
        "--table", default=known, required=not known, help="of the stack ...-control"
    )
    parser.add_argument("--by", help="who changes it")
    parser.add_argument("--reason", help="why, for whoever reads it at 03:30")
    parser.add_argument("--epoch", type=int, help="of the state that read-write leaves")
    given = parser.parse_args(arguments)
    needed = {"begin": ("by",), "read-only": ("by", "reason"), "read-write": ("by", "reason")}
    absent = [name for name in needed.get(given.act, ()) if not getattr(given, name)]
    if given.act == "read-write" and given.epoch is None:
        absent.append("epoch")
    if absent:
        parser.error(f"{given.act} needs " + ", ".join(f"--{name}" for name in absent))
    client = dynamodb or boto3.client("dynamodb")
    try:
        state = _done(client, given)
    except (EpochPassedError, NoModeError) as refusal:
        print(refusal, file=sys.stderr)
        return 1
    print(json.dumps(None if state is None else asdict(state), indent=2))
    return 0


def _done(client: Any, given: argparse.Namespace) -> Any:
    table, now = given.table, datetime.now(UTC)
    if given.act == "show":
        return read(client, table)
    if given.act == "begin":
        return begin(client, table, by=given.by, at=now)
    who = {"reason": given.reason, "by": given.by, "at": now}
    if given.act == "read-only":
        return enter_read_only(client, table, **who)
    return leave_read_only(client, table, epoch=given.epoch, **who)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

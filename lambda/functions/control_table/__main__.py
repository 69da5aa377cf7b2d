"""`python -m functions.control_table begin --by NAME`: the first mode of a Region.

Its first start runs this. People work with `mainstay mode`, which looks first whether anything
stands against a change.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import boto3

from functions.control_table.mode import begin


def main(arguments: Sequence[str] | None = None, *, dynamodb: Any | None = None) -> int:
    """Make the first state where there is none, print the state that is there, and return 0."""
    parser = argparse.ArgumentParser(prog="python -m functions.control_table", description=__doc__)
    parser.add_argument("command", choices=("begin",))
    known = os.environ.get("CONTROL_TABLE")  # of the task that has the grant
    parser.add_argument("--table", default=known, required=not known, help="of the Region")
    parser.add_argument("--by", required=True, help="who makes it")
    given = parser.parse_args(arguments)
    client = dynamodb or boto3.client("dynamodb")
    print(json.dumps(asdict(begin(client, given.table, by=given.by, at=datetime.now(UTC)))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

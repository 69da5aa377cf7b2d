"""`mainstay-backup`: the acts, and what a failure looks like to the one who typed it.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 dearer than the limit, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import Any

from cli.backup import archiving, dumping, proving, pruning, restoring
from cli.backup.prices import OverLimitError

_ACTS = (archiving, restoring, proving, pruning, dumping)


def main(arguments: list[str] | None = None) -> int:
    """The exit code; the reason of a failure is one line on standard error."""
    asked = _parser().parse_args(arguments)
    start, used = time.monotonic(), time.process_time()
    try:
        result = asked.run(asked)
    except KeyboardInterrupt:
        print("error: interrupted; the same command goes on", file=sys.stderr)
        return 130
    except OverLimitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    except Exception as error:
        if os.environ.get("MAINSTAY_BACKUP_DEBUG"):
            raise
        print(f"error: {_said(error)}", file=sys.stderr)
        return 1
    result["seconds"] = round(time.monotonic() - start, 3)
    result["cpu_seconds"] = round(time.process_time() - used, 3)
    for line in [json.dumps(result, default=str)] if asked.json else _lines(result):
        print(line)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mainstay-backup",
        description="EBS snapshots and databases into a bucket of yours, and back. Credentials "
        "and Region come from the environment, as AWS's own tools read it.",
        epilog="Exit codes: 0 done, 1 failed, 2 wrong use, 3 dearer than --limit, 130 interrupted.",
    )
    acts = parser.add_subparsers(dest="act", required=True)
    for act in _ACTS:
        act.add(acts)
    return parser


def _said(error: Exception) -> str:
    from functions.block_archive.errors import EXPECTED

    if isinstance(error, (*EXPECTED, *dumping.expected())):
        return str(error)
    name = type(error).__name__
    return f"{name}: {error} (unexpected: MAINSTAY_BACKUP_DEBUG=1 shows where)"


def _lines(result: dict[str, Any]) -> list[str]:
    return [f"{name}: {_line(value)}" for name, value in result.items()]


def _line(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


if __name__ == "__main__":
    raise SystemExit(main())

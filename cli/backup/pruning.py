"""`prune`: expired backups go, and the files that no other needs."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from typing import Any

from cli.backup import options
from cli.backup.clients import parts
from functions.block_archive.prune import GRACE, prune


def add(acts: Any) -> None:
    """The act's options."""
    about = (
        "say what has expired and what no backup needs any more; with --apply, delete it. The "
        "newest good backup of each volume stays"
    )
    act = options.act(acts, "prune", about, run)
    act.add_argument("--apply", action="store_true", help="delete; without it nothing is")
    text = "good backups of each volume that stay whatever their age"
    act.add_argument("--keep-last", type=int, default=1, help=text)
    text = "age below which no file goes, for a run may have written it"
    act.add_argument("--grace-days", type=int, default=GRACE.days, help=text)


def run(asked: argparse.Namespace) -> dict[str, Any]:
    """Raises ArchiveError before anything is deleted where it is not known what to keep."""
    _, store = parts(asked)
    pruned = prune(
        store,
        now=datetime.now(UTC),
        apply=asked.apply,
        keep_last=asked.keep_last,
        grace=timedelta(days=asked.grace_days),
    )
    return {**vars(pruned), "counters": store.counters.all()}

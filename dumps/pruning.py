"""`python -m dumps prune`: the archive's nightly prune, as a scheduled task runs it."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

from functions.block_archive.connect import ArchiveConnection, connect
from functions.block_archive.prune import prune


def add(acts: Any) -> None:
    """Add the command; `mainstay backup prune` is the one for people, with every option."""
    about = "delete from an archive what has expired and no backup needs"
    made = acts.add_parser("prune", help=about, description=about)
    made.set_defaults(run=run)
    made.add_argument("--bucket", required=True, help="the archive's")
    made.add_argument("--endpoint-url", help="instead of AWS")


def run(asked: argparse.Namespace) -> dict[str, Any]:
    """Return what was deleted. Raises ArchiveError, before anything is, where that is not known."""
    _, store = connect(ArchiveConnection(bucket=asked.bucket, endpoint_url=asked.endpoint_url))
    pruned = prune(store, now=datetime.now(UTC), apply=True)
    return {**vars(pruned), "counters": store.counters.all()}

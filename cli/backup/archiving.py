"""`archive`: a snapshot into the bucket."""

from __future__ import annotations

import argparse
from datetime import timedelta
from typing import Any

from cli.backup import options
from cli.backup.clients import parts
from cli.backup.prices import approve_archive
from cli.backup.progress import bar
from functions.block_archive.archive import Options, archive, describe
from functions.block_archive.counters import dollars
from functions.block_archive.errors import ArchiveError, RefusedError
from functions.block_archive.reliable import ReliableBlocks
from functions.block_archive.source import Description


def add(acts: Any) -> None:
    """The act's options."""
    about = "archive a snapshot; again after an interruption, it goes on"
    act = options.act(acts, "archive", about, run)
    act.add_argument("--snapshot", required=True)
    text = "root to continue: a key, a snapshot's id, or latest (of this volume, if there is one)"
    act.add_argument("--base", help=text)
    act.add_argument("--level", type=int, choices=range(-7, 23), default=1, help="of zstd")
    act.add_argument("--retain-days", type=int, default=35)
    options.limit(act)


def run(asked: argparse.Namespace) -> dict[str, Any]:
    """Raises ArchiveError or OverLimitError."""
    if not 1 <= asked.retain_days <= 36_500:
        raise RefusedError(f"'retain-days' should be 1 to 36500, got {asked.retain_days}")
    blocks, store = parts(asked)
    snapshot = _description(blocks, asked)
    seen = bar("blocks", forced=asked.progress)
    done = archive(
        blocks,
        store,
        snapshot,
        base=asked.base,
        options=Options(
            retain=timedelta(days=asked.retain_days), workers=asked.workers, level=asked.level
        ),
        approve=lambda job: approve_archive(blocks, job, asked),
        progress=seen.add,
    )
    seen.end()
    return {
        "root": done.root.key,
        "already": done.already,
        "counts": vars(done.root.counts),
        "stored_bytes": done.root.stored_bytes,
        "counters": store.counters.all(),
        "dollars": dollars(store.counters.all()),
    }


def _description(blocks: ReliableBlocks, asked: argparse.Namespace) -> Description:
    """Of EC2; an endpoint of one's own may have none, and then a listing tells the size."""
    try:
        return describe(blocks, asked.snapshot)
    except ArchiveError:
        if not asked.endpoint_url:
            raise
    page = blocks.list_blocks(asked.snapshot, 0, 100, None)
    return Description(
        snapshot_id=asked.snapshot,
        volume_id="unknown",
        volume_gib=page.volume_gib,
        started="undated",
    )

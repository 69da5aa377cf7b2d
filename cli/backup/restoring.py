"""`restore`: a backup as a raw image, or as a new EBS snapshot."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from cli.backup import options
from cli.backup.clients import parts
from cli.backup.prices import approve_snapshot
from cli.backup.progress import bar
from functions.archive_format.image import restore_image
from functions.archive_format.reader import load_root
from functions.archive_format.root import Root
from functions.block_archive.counters import dollars
from functions.block_archive.reliable import ReliableBlocks
from functions.block_archive.store import Store
from functions.block_archive.to_snapshot import Into, restore_snapshot


def add(acts: Any) -> None:
    """The act's options."""
    about = "write an archived volume as a raw image, or into a new EBS snapshot"
    act = options.act(acts, "restore", about, run)
    options.root(act, required=True)
    where = act.add_mutually_exclusive_group(required=True)
    where.add_argument("--to", type=Path, help="a new file, or a block device")
    where.add_argument("--to-snapshot", action="store_true", help="a new EBS snapshot")
    act.add_argument("--overwrite", action="store_true", help="replace what is at --to")
    act.add_argument("--kms-key", help="ARN of the key that encrypts the snapshot")
    text = "2 for a second snapshot of the same root, and so on: the same number finds the first"
    act.add_argument("--number", type=int, default=1, help=text)
    options.limit(act)


def run(asked: argparse.Namespace) -> dict[str, Any]:
    """Raises ArchiveError or OverLimitError."""
    blocks, store = parts(asked)
    root = load_root(store, asked.root)
    if asked.to_snapshot:
        return _snapshot(blocks, store, root, asked)
    seen = bar("segments", forced=asked.progress)
    restored = restore_image(store, root, asked.to, overwrite=asked.overwrite, progress=seen.at)
    seen.end()
    return {
        "root": root.key,
        "to": str(asked.to),
        **vars(restored),
        "counters": store.counters.all(),
    }


def _snapshot(
    blocks: ReliableBlocks, store: Store, root: Root, asked: argparse.Namespace
) -> dict[str, Any]:
    approve_snapshot(root, asked)
    into = Into(kms_key=asked.kms_key, number=asked.number)
    note = Path(tempfile.gettempdir()) / f"mainstay-restore-{into.token(root, 0)[:16]}.json"
    seen = bar("blocks", forced=asked.progress)
    restored = restore_snapshot(
        blocks,
        store,
        root,
        Into(kms_key=asked.kms_key, number=asked.number, note=note),
        workers=min(asked.workers, 8),
        progress=seen.add,
    )
    seen.end()
    counts = store.counters.all()
    return {"root": root.key, **vars(restored), "counters": counts, "dollars": dollars(counts)}

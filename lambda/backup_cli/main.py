"""The acts of `mainstay-backup`: archive, restore, verify, list."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from archive_format import root as roots
from archive_format.image import restore_image
from archive_format.levels import verify
from archive_format.reader import load_root
from backup_cli.clients import parts
from block_archive.archive import Options, archive
from block_archive.connect import BLOCKS_PER_SECOND, TRANSPORTS
from block_archive.counters import dollars
from block_archive.errors import ArchiveError, MissingError, ThrottledError, TransientError
from block_archive.reliable import ReliableBlocks
from block_archive.source import Description


def main(arguments: list[str] | None = None) -> int:
    """0 when done, 1 with the reason on standard error, 2 for wrong use."""
    asked = _parser().parse_args(arguments)
    start, used = time.monotonic(), time.process_time()
    try:
        result = _ACTS[asked.act](asked)
    except (ArchiveError, MissingError, ThrottledError, TransientError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    result["seconds"] = round(time.monotonic() - start, 3)
    result["cpu_seconds"] = round(time.process_time() - used, 3)
    for line in [json.dumps(result)] if asked.json else _lines(result):
        print(line)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mainstay-backup",
        description="EBS snapshots into a bucket of yours, and back as raw images. Credentials "
        "and Region come from the environment.",
    )
    acts = parser.add_subparsers(dest="act", required=True)
    for name, about in (
        ("archive", "archive a snapshot; again after an interruption, it goes on"),
        ("restore", "write an archived volume as a raw image"),
        ("verify", "level 0: index; level 2: every byte"),
        ("list", "the backups in a bucket"),
    ):
        act = acts.add_parser(name, help=about)
        act.add_argument("--bucket", required=True)
        act.add_argument("--endpoint-url", help="instead of AWS")
        act.add_argument("--json", action="store_true", help="one line of JSON")
        act.add_argument("--workers", type=int, default=16, help="requests at once")
        speed = "most blocks per second; the default is 80 %% of EBS's quota"
        act.add_argument("--blocks-per-second", type=float, default=BLOCKS_PER_SECOND, help=speed)
        text = "how bytes travel: lean needs half the processor time"
        default = os.environ.get("MAINSTAY_BACKUP_TRANSPORT", TRANSPORTS[0])
        act.add_argument("--transport", choices=TRANSPORTS, default=default, help=text)
        if name == "archive":
            act.add_argument("--snapshot", required=True)
            act.add_argument("--base", help="root to continue: a key, a snapshot's id or latest")
            act.add_argument("--level", type=int, default=1, help="of zstd, -7 to 22")
            act.add_argument("--retain-days", type=int, default=35)
        elif name != "list":
            text = "a key under manifests/, a snapshot's id, or latest"
            act.add_argument("--root", required=name == "restore", default="latest", help=text)
        if name == "restore":
            act.add_argument("--to", type=Path, required=True, help="a new file, or a block device")
            act.add_argument("--overwrite", action="store_true", help="replace what is there")
        if name == "verify":
            act.add_argument("--level", type=int, choices=(0, 2), default=2)
    return parser


def _archive(asked: argparse.Namespace) -> dict[str, Any]:
    if asked.retain_days < 1:
        raise ArchiveError(f"'retain-days' should be at least 1, got {asked.retain_days}")
    blocks, store = parts(asked)
    options = Options(
        retain=timedelta(days=asked.retain_days), workers=asked.workers, level=asked.level
    )
    snapshot = _description(blocks, asked)
    done = archive(blocks, store, snapshot, base=asked.base, options=options)
    root = done.root
    return {
        "root": root.key,
        "already": done.already,
        "counts": vars(root.counts),
        "stored_bytes": root.stored_bytes,
        "counters": store.counters.all(),
        "dollars": dollars(store.counters.all()),
    }


def _description(blocks: ReliableBlocks, asked: argparse.Namespace) -> Description:
    """Of EC2; an endpoint of one's own may have none, and then a listing tells the size."""
    try:
        return blocks.describe(asked.snapshot)
    except (ArchiveError, MissingError):
        if not asked.endpoint_url:
            raise
    page = blocks.list_blocks(asked.snapshot, 0, 100, None)
    return Description(
        snapshot_id=asked.snapshot,
        volume_id="unknown",
        volume_gib=page.volume_gib,
        started="undated",
    )


def _restore(asked: argparse.Namespace) -> dict[str, Any]:
    _, store = parts(asked)
    root = load_root(store, asked.root)
    restored = restore_image(store, root, asked.to, overwrite=asked.overwrite)
    return {
        "root": root.key,
        "to": str(asked.to),
        **vars(restored),
        "counters": store.counters.all(),
    }


def _verify(asked: argparse.Namespace) -> dict[str, Any]:
    _, store = parts(asked)
    root = load_root(store, asked.root)
    return {"root": root.key, "level": asked.level, **verify(store, root, asked.level)}


def _list(asked: argparse.Namespace) -> dict[str, Any]:
    _, store = parts(asked)
    found = [roots.decode(store.get(key), key) for key in store.keys(roots.PREFIX)]
    return {
        "roots": [
            {"root": root.key, "gib": root.volume_gib, "retain_until": root.retain_until}
            for root in found
        ]
    }


def _lines(result: dict[str, Any]) -> list[str]:
    return [f"{name}: {json.dumps(value)}" for name, value in result.items()]


_ACTS = {"archive": _archive, "restore": _restore, "verify": _verify, "list": _list}

if __name__ == "__main__":
    raise SystemExit(main())

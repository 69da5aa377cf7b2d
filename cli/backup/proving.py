"""`verify` and `list`: what is there, and what is proven of it."""

from __future__ import annotations

import argparse
import shlex
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli.backup import options
from cli.backup.clients import parts
from cli.backup.progress import bar
from functions.archive_format import root as roots
from functions.archive_format.reader import load_root
from functions.block_archive.proof import LEVELS, verify, write_evidence

_LEVELS = (
    "0: root and index; 1: every file is in S3, whole by its checksum, and locked for long enough; "
    "2: every byte is read; 3: the volume is restored, read back and checked"
)


def add(acts: Any) -> None:
    """The acts' options."""
    act = options.act(acts, "verify", f"prove a backup. Level {_LEVELS}", run_verify)
    options.root(act, required=False)
    act.add_argument("--level", type=int, choices=LEVELS, default=2)
    act.add_argument("--scratch", type=Path, help="folder for level 3's image")
    text = "program of level 3 that must end with 0, such as 'e2fsck -fn {image}'"
    act.add_argument("--check", help=text)
    text = "write what was proven under verify/ in the bucket"
    act.add_argument("--evidence", action="store_true", help=text)
    options.act(acts, "list", "the backups in a bucket", run_list)


def run_verify(asked: argparse.Namespace) -> dict[str, Any]:
    """Raises ArchiveError naming the first thing that is wrong."""
    _, store = parts(asked)
    root = load_root(store, asked.root)
    seen = bar("segments", forced=asked.progress)
    with tempfile.TemporaryDirectory(prefix="mainstay-verify-", dir=asked.scratch) as scratch:
        found = verify(
            store,
            root,
            asked.level,
            scratch=Path(scratch),
            check=shlex.split(asked.check) if asked.check else None,
            progress=seen.at,
        )
    seen.end()
    result = {"root": root.key, "level": asked.level, **found}
    if asked.evidence:
        now = datetime.now(UTC)
        result["evidence"] = write_evidence(store, root, asked.level, found, now=now)
    return result


def run_list(asked: argparse.Namespace) -> dict[str, Any]:
    """Raises ArchiveError where a root cannot be read."""
    _, store = parts(asked)
    found = [roots.decode(store.get(key), key) for key in store.keys(roots.PREFIX)]
    return {
        "roots": [
            {
                "root": root.key,
                "gib": root.volume_gib,
                "blocks": root.counts.data,
                "archived_at": root.archived_at,
                "retain_until": root.retain_until,
            }
            for root in found
        ]
    }

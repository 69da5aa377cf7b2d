"""`mainstay backup verify` and `list`: what is there, and what is proven of it."""

from __future__ import annotations

import shlex
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cli.backup import options
from cli.backup.options import ArchiveConnection, connect, on_bucket
from cli.backup.restore import need_room
from cli.output import progress, table
from functions.archive_format import root as roots
from functions.archive_format.reader import load_root
from functions.block_archive.proof import LEVELS, write_evidence
from functions.block_archive.proof import verify as prove

_RESTORED = LEVELS[-1]


@click.command()
@options.root
@click.option(
    "--level",
    type=click.IntRange(LEVELS[0], _RESTORED),
    default=2,
    show_default=True,
    help="Below.",
)
@click.option("--scratch", type=click.Path(path_type=Path), help="Folder for level 3's image.")
@click.option(
    "--check", help="A program of level 3 that has to end with 0, such as 'e2fsck -fn {image}'."
)
@click.option("--evidence", is_flag=True, help="Write what was proven under verify/ in the bucket.")
@on_bucket
def verify(
    source: ArchiveConnection,
    *,
    name: str,
    level: int,
    scratch: Path | None,
    check: str | None,
    evidence: bool,
    as_json: bool,
) -> dict[str, Any]:
    """Prove a backup, at one of four levels.

    \b
    0: its root and index are whole
    1: every file is in S3, whole by its checksum, and locked for long enough
    2: every byte is read
    3: the volume is restored, read back and checked
    """
    _, store = connect(source)
    root = load_root(store, name)
    with (
        tempfile.TemporaryDirectory(prefix="mainstay-verify-", dir=scratch) as folder,
        progress("segments") as advance,
    ):
        if level == _RESTORED:
            need_room(root, Path(folder) / "image")
        found = prove(
            store,
            root,
            level,
            scratch=Path(folder),
            check=shlex.split(check) if check else None,
            progress=advance,
        )
    result = {"root": root.key, "level": level, **found}
    if evidence:
        now = datetime.now(UTC)
        result["evidence"] = write_evidence(store, root, level, found, now=now)
    return result


@click.command("list")
@on_bucket
def list_(source: ArchiveConnection, *, as_json: bool) -> dict[str, Any] | None:
    """List the backups in a bucket, by volume and then by time."""
    _, store = connect(source)
    found = [
        {
            "root": root.key,
            "volume": root.volume_id,
            "gib": root.volume_gib,
            "blocks": root.counts.data,
            "archived_at": root.archived_at,
            "retain_until": root.retain_until,
        }
        for root in (roots.decode(store.get(key), key) for key in store.keys(roots.PREFIX))
    ]
    if as_json:
        return {"roots": found}
    heads = ("volume", "GiB", "data GiB", "archived at", "locked until", "root")
    table(
        heads,
        [
            (
                each["volume"],
                each["gib"],
                f"{each['blocks'] / 2_048:.1f}",
                each["archived_at"],
                each["retain_until"],
                each["root"],
            )
            for each in found
        ],
    )
    return None

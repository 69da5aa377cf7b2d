"""`mainstay backup restore`: a backup as a raw image, or as a new EBS snapshot."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from cli.backup import options
from cli.backup.options import ArchiveConnection, connect, limited, on_bucket
from cli.backup.prices import approve_snapshot
from cli.errors import CommandRefusedError
from cli.output import progress
from functions.archive_format.geometry import BLOCK_SIZE
from functions.archive_format.image import restore_image
from functions.archive_format.reader import load_root
from functions.archive_format.root import Root
from functions.block_archive.counters import dollars
from functions.block_archive.to_snapshot import Into, restore_snapshot

_SNAPSHOT_WORKERS = 8  # at most: EBS's quota for written blocks is lower than for read ones


@click.command()
@options.root
@click.option("--to", type=click.Path(path_type=Path), help="A new file, or a block device.")
@click.option("--to-snapshot", is_flag=True, help="A new EBS snapshot instead.")
@click.option("--overwrite", is_flag=True, help="Replace what is at --to.")
@click.option("--kms-key", help="ARN of the key that encrypts the snapshot.")
@click.option(
    "--number",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="2 makes a second snapshot of the same backup; the same number finds the first again.",
)
@limited
@on_bucket
def restore(
    source: ArchiveConnection,
    *,
    name: str,
    to: Path | None,
    to_snapshot: bool,
    overwrite: bool,
    kms_key: str | None,
    number: int,
    limit: float,
    yes: bool,
    as_json: bool,
) -> dict[str, Any]:
    """Write a volume as a raw image, or into a new EBS snapshot.

    Interrupted, the same command goes on where it stopped.
    """
    if (to is None) != to_snapshot:
        raise click.UsageError("one of --to and --to-snapshot is needed, and not both")
    blocks, store = connect(source)
    root = load_root(store, name)
    if to is not None:
        need_room(root, to)
        with progress("segments") as advance:
            image = restore_image(store, root, to, overwrite=overwrite, progress=advance)
        counts = store.counters.all()
        return {"root": root.key, "to": str(to), **vars(image), "counters": counts}
    approve_snapshot(root, limit=limit, yes=yes)
    into = Into(kms_key=kms_key, number=number)
    note = Path(tempfile.gettempdir()) / f"mainstay-restore-{into.token(root, 0)[:16]}.json"
    with progress("blocks") as advance:
        made = restore_snapshot(
            blocks,
            store,
            root,
            replace(into, note=note),
            workers=min(source.workers, _SNAPSHOT_WORKERS),
            progress=advance,
        )
    counts = store.counters.all()
    return {"root": root.key, **vars(made), "counters": counts, "dollars": dollars(counts)}


def need_room(root: Root, to: Path) -> None:
    """Print how much disk an image of the volume takes, and raise CommandRefusedError without it.

    An image is sparse, so it takes what the volume holds. What an interrupted restore has written
    already counts as free. A device needs no room, and a folder that is not there has none.
    """
    if to.is_block_device() or not to.parent.is_dir():
        return
    needed, free = root.counts.data * BLOCK_SIZE, shutil.disk_usage(to.parent).free
    begun = to.with_name(f"{to.name}.partial")
    if begun.exists():
        free += begun.stat().st_blocks * 512
    sizes = f"{_gib(needed)} of disk in {to.parent.resolve()}, where {_gib(free)} are free"
    if needed > free:
        raise CommandRefusedError(f"a restore takes {sizes}: name another folder with --to")
    click.echo(f"a volume of {root.volume_gib} GiB: takes {sizes}", err=True)


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"

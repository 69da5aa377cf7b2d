"""`mainstay backup archive`: a snapshot into the bucket."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from cli.backup.options import ArchiveConnection, connect, limited, on_bucket
from cli.backup.prices import approve_archive
from cli.output import progress
from functions.block_archive.archive import LATEST, Options, describe
from functions.block_archive.archive import archive as archived
from functions.block_archive.counters import dollars
from functions.block_archive.errors import ArchiveError
from functions.block_archive.reliable import ReliableBlocks
from functions.block_archive.source import Description


@click.command()
@click.option("--snapshot", required=True, help="The id of a completed EBS snapshot.")
@click.option(
    "--base",
    help="The backup to continue: a key, or a snapshot's id.  [default: the volume's newest]",
)
@click.option("--full", is_flag=True, help="Read every block and continue no other backup.")
@click.option("--level", type=click.IntRange(-7, 22), default=1, show_default=True, help="Of zstd.")
@click.option(
    "--retain-days",
    type=click.IntRange(1, 36_500),
    default=35,
    show_default=True,
    help="How long it is locked.",
)
@limited
@on_bucket
def archive(
    to: ArchiveConnection,
    *,
    snapshot: str,
    base: str | None,
    full: bool,
    level: int,
    retain_days: int,
    limit: float,
    yes: bool,
    as_json: bool,
) -> dict[str, Any]:
    """Archive an EBS snapshot: what changed since the last one.

    Without an earlier backup of the volume it reads everything.

    Interrupted, the same command goes on where it stopped.
    """
    if full and base:
        raise click.UsageError("--full continues no backup: leave --base or --full out")
    blocks, store = connect(to)
    options = Options(retain=timedelta(days=retain_days), workers=to.workers, level=level)
    bounds = {"blocks_per_second": to.blocks_per_second, "limit": limit, "yes": yes}
    with progress("blocks") as advance:
        done = archived(
            blocks,
            store,
            _described(blocks, snapshot, ours=to.endpoint_url is not None),
            base=None if full else base or LATEST,
            options=options,
            approve=lambda job: approve_archive(blocks, job, **bounds),
            progress=advance,
        )
    return {
        "root": done.root.key,
        "already": done.already,
        "base": done.root.base,
        "counts": vars(done.root.counts),
        "stored_bytes": done.root.stored_bytes,
        "counters": store.counters.all(),
        "dollars": dollars(store.counters.all()),
    }


def _described(blocks: ReliableBlocks, snapshot: str, *, ours: bool) -> Description:
    """Return what EC2 knows of it; an endpoint of one's own may lack EC2, and a listing has the
    size. Raises ArchiveError.
    """
    try:
        return describe(blocks, snapshot)
    except ArchiveError:
        if not ours:
            raise
    page = blocks.list_blocks(snapshot, 0, 100, None)
    return Description(
        snapshot_id=snapshot, volume_id="unknown", volume_gib=page.volume_gib, started="undated"
    )

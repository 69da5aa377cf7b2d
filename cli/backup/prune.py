"""`mainstay backup prune`: expired backups go, and the files that no other needs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from cli.backup.options import ArchiveConnection, connect, on_bucket
from functions.block_archive.prune import GRACE
from functions.block_archive.prune import prune as pruned


@click.command()
@click.option("--apply", is_flag=True, help="Delete; without it nothing is deleted.")
@click.option(
    "--keep-last",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Good backups of each volume that stay whatever their age.",
)
@click.option(
    "--grace-days",
    type=click.IntRange(GRACE.days),
    default=GRACE.days,
    show_default=True,
    help="Age below which no file goes, for a run may have written it.",
)
@click.option("--copy-of", help="The bucket that --bucket is the copy of: what it has, stays.")
@click.option("--copy-of-region", help="Its Region; without, the environment's.")
@on_bucket
def prune(
    bucket: ArchiveConnection,
    *,
    apply: bool,
    keep_last: int,
    grace_days: int,
    copy_of: str | None,
    copy_of_region: str | None,
    as_json: bool,
) -> dict[str, Any]:
    """Delete what has expired and no backup needs any more.

    Without --apply it is only printed. The newest good backup of each volume stays.
    """
    if copy_of_region and not copy_of:
        raise click.UsageError("--copy-of-region needs --copy-of")
    _, store = connect(bucket)
    original = None
    if copy_of:
        _, original = connect(replace(bucket, bucket=copy_of, region=copy_of_region))
    found = pruned(
        store,
        now=datetime.now(UTC),
        apply=apply,
        keep_last=keep_last,
        grace=timedelta(days=grace_days),
        original=original,
    )
    return {**vars(found), "counters": store.counters.all()}

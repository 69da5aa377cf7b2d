"""A job's cost is printed before it begins, and has a limit."""

from __future__ import annotations

import click

from cli.errors import CommandRefusedError
from functions.archive_format.root import Root
from functions.block_archive.counters import dollars
from functions.block_archive.estimate import counted, estimate
from functions.block_archive.job import Job
from functions.block_archive.reliable import ReliableBlocks


class OverLimitError(CommandRefusedError):
    """A job costs more than the one who asked for it allows."""


def approve_archive(
    blocks: ReliableBlocks, job: Job, *, blocks_per_second: float, limit: float, yes: bool
) -> None:
    """Raise OverLimitError where the requests cost more than the limit, in US dollars.

    Only a job that could is counted, for the listing costs time.
    """
    found = estimate(job, blocks_per_second=blocks_per_second)
    if found.dollars <= limit:
        return
    found = estimate(job, blocks_per_second=blocks_per_second, blocks=counted(blocks, job))
    click.echo(f"estimate: {found}", err=True)
    _within(found.dollars, limit=limit, yes=yes)


def approve_snapshot(root: Root, *, limit: float, yes: bool) -> None:
    """Raise OverLimitError where a restore into a new snapshot costs more than the limit."""
    blocks = root.counts.data + root.counts.zero
    price = dollars({"put_block_requests": blocks})
    if price > limit:
        click.echo(f"estimate: {blocks} blocks, ${price:.2f} of requests", err=True)
    _within(price, limit=limit, yes=yes)


def _within(price: float, *, limit: float, yes: bool) -> None:
    if price > limit and not yes:
        raise OverLimitError(
            f"this costs ${price:.2f} of requests, and the limit is ${limit:.2f}: "
            "pass --yes, or a higher --limit"
        )

"""What a job will cost is said before it begins, and has a limit."""

from __future__ import annotations

import argparse
import sys

from functions.archive_format.root import Root
from functions.block_archive.counters import dollars
from functions.block_archive.estimate import counted, estimate
from functions.block_archive.job import Job
from functions.block_archive.reliable import ReliableBlocks


class OverLimitError(Exception):
    """Dearer than the one who asked has said it may be."""


def approve_archive(blocks: ReliableBlocks, job: Job, asked: argparse.Namespace) -> None:
    """Raise OverLimitError where the requests cost more than the limit. Only a job that could is
    counted, for the listing costs time."""
    found = estimate(job, blocks_per_second=asked.blocks_per_second)
    if found.dollars <= asked.limit:
        return
    found = estimate(job, blocks_per_second=asked.blocks_per_second, blocks=counted(blocks, job))
    print(f"estimate: {found}", file=sys.stderr)
    _within(found.dollars, asked)


def approve_snapshot(root: Root, asked: argparse.Namespace) -> None:
    """The same of a restore into a new snapshot."""
    blocks = root.counts.data + root.counts.zero
    price = dollars({"put_block_requests": blocks})
    if price > asked.limit:
        print(f"estimate: {blocks} blocks, ${price:.2f} of requests", file=sys.stderr)
    _within(price, asked)


def _within(price: float, asked: argparse.Namespace) -> None:
    if price > asked.limit and not asked.yes:
        raise OverLimitError(
            f"this costs ${price:.2f} of requests, and the limit is ${asked.limit:.2f}: "
            "pass --yes, or a higher --limit"
        )

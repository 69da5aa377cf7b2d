"""The engine's parts for a command line: credentials and Region come from the environment."""

from __future__ import annotations

import argparse

from functions.block_archive.connect import Connection, connect
from functions.block_archive.reliable import ReliableBlocks
from functions.block_archive.store import Store


def parts(asked: argparse.Namespace) -> tuple[ReliableBlocks, Store]:
    """Snapshots and bucket, which share their counters."""
    return connect(
        Connection(
            bucket=asked.bucket,
            endpoint_url=asked.endpoint_url,
            workers=asked.workers,
            blocks_per_second=asked.blocks_per_second,
            transport=asked.transport,
        )
    )

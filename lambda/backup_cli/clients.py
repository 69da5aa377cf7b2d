"""The engine's parts for a command line: credentials and Region come from the environment."""

from __future__ import annotations

import argparse
from typing import Any

from block_archive.attempts import Attempts
from block_archive.botocore_blocks import BotocoreBlocks
from block_archive.bucket import BotocoreBucket
from block_archive.counters import Counters
from block_archive.pace import Pace
from block_archive.reliable import ReliableBlocks
from block_archive.store import Store

_CONNECT_SECONDS, _READ_SECONDS = 5, 15  # a silent server must not hold a run up


def parts(asked: argparse.Namespace) -> tuple[ReliableBlocks, Store]:
    """Snapshots and bucket, which share their counters."""
    attempts, counters = Attempts(), Counters()
    blocks = BotocoreBlocks(_client("ebs", asked), _client("ec2", asked))
    store = Store(BotocoreBucket(_client("s3", asked), asked.bucket), attempts, counters)
    return ReliableBlocks(blocks, attempts, Pace(asked.blocks_per_second), counters), store


def _client(service: str, asked: argparse.Namespace) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(
        retries={"total_max_attempts": 1},  # block_archive.attempts tries again
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        max_pool_connections=asked.workers + 4,
        s3={"addressing_style": "path" if asked.endpoint_url else "auto"},
    )
    return boto3.client(service, endpoint_url=asked.endpoint_url, config=config)  # type: ignore[call-overload]

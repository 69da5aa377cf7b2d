"""The engine's parts from an environment: credentials, Region, endpoints as botocore finds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.request import getproxies

from functions.block_archive.attempts import Attempts
from functions.block_archive.botocore_blocks import BotocoreBlocks
from functions.block_archive.bucket import BotocoreBucket
from functions.block_archive.counters import Counters
from functions.block_archive.errors import RefusedError
from functions.block_archive.lean_blocks import LeanBlocks
from functions.block_archive.lean_bucket import LeanBucket
from functions.block_archive.lean_http import LeanHttp, pool
from functions.block_archive.pace import Pace
from functions.block_archive.reliable import ReliableBlocks
from functions.block_archive.store import Store

BLOCKS_PER_SECOND = 800.0  # 80 % of GetSnapshotBlock's quota of an account (L-C125AE42)
TRANSPORTS = ("botocore", "lean")
_CONNECT_SECONDS, _READ_SECONDS = 5.0, 15.0  # a silent server must not hold a run up


@dataclass(frozen=True, kw_only=True)
class ArchiveConnection:
    """Names what to connect to, and how."""

    bucket: str
    region: str | None = None  # the bucket's, where it is not the environment's
    endpoint_url: str | None = None  # instead of AWS, for all services
    workers: int = 16
    blocks_per_second: float = BLOCKS_PER_SECOND
    transport: str = "botocore"


def connect(to: ArchiveConnection) -> tuple[ReliableBlocks, Store]:
    """Snapshots and bucket, which share their counters. Raises RefusedError."""
    import boto3
    from botocore.exceptions import BotoCoreError

    if to.transport not in TRANSPORTS:
        raise RefusedError(f"'transport' should be one of {TRANSPORTS}, got '{to.transport}'")
    attempts, counters, session = Attempts(), Counters(), boto3.Session(region_name=to.region)
    try:
        ebs, ec2, s3 = (_client(session, name, to) for name in ("ebs", "ec2", "s3"))
        if session.get_credentials() is None:
            raise RefusedError("credentials are missing: set AWS_PROFILE or AWS_ACCESS_KEY_ID")
        if to.transport == "lean" and not _proxied():  # botocore knows its way through a proxy
            http = LeanHttp(session.get_credentials(), _pool(session, to))
            blocks: BotocoreBlocks = LeanBlocks(ebs, ec2, http)
            bucket: BotocoreBucket = LeanBucket(s3, to.bucket, http)
        else:
            blocks, bucket = BotocoreBlocks(ebs, ec2), BotocoreBucket(s3, to.bucket)
    except (BotoCoreError, ValueError) as error:  # no Region, a half of a key, a wrong URL
        raise RefusedError(
            f"AWS cannot be reached with the settings of the environment: {error}"
        ) from error
    store = Store(bucket, attempts, counters)
    return ReliableBlocks(blocks, attempts, Pace(to.blocks_per_second), counters), store


def _proxied() -> bool:
    """Return whether the environment names a proxy; a list of hosts without one names none."""
    return bool(getproxies().keys() - {"no"})


def _pool(session: Any, to: ArchiveConnection) -> Any:
    bundle = session._session.get_config_variable("ca_bundle")
    return pool(to.workers + 4, connect=_CONNECT_SECONDS, read=_READ_SECONDS, bundle=bundle)


def _client(session: Any, service: str, to: ArchiveConnection) -> Any:
    from botocore.config import Config

    config = Config(
        retries={"total_max_attempts": 1},  # block_archive.attempts tries again
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        max_pool_connections=to.workers + 4,
        # The engine gives and checks SHA-256 by itself, each once.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if to.endpoint_url else "auto"},
    )
    return session.client(service, endpoint_url=to.endpoint_url, config=config)

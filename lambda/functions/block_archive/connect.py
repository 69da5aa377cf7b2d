"""The engine's parts from an environment: credentials, Region, endpoints as botocore finds them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from functions.block_archive.attempts import Attempts
from functions.block_archive.botocore_blocks import BotocoreBlocks
from functions.block_archive.bucket import BotocoreBucket
from functions.block_archive.counters import Counters
from functions.block_archive.errors import RefusedError
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


class _LazyClient:
    """Makes botocore's client when it is first used: a restore to a file needs one of the three,
    and EC2's alone reads a model of 2 MB."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make, self._lock, self._client = make, threading.Lock(), None

    def __getattr__(self, name: str) -> Any:
        with self._lock:
            if self._client is None:
                self._client = self._make()
        return getattr(self._client, name)


def connect(to: ArchiveConnection) -> tuple[ReliableBlocks, Store]:
    """Snapshots and bucket, which share their counters. Raises RefusedError."""
    from botocore.exceptions import BotoCoreError, NoRegionError
    from botocore.session import Session

    if to.transport not in TRANSPORTS:
        raise RefusedError(f"'transport' should be one of {TRANSPORTS}, got '{to.transport}'")
    attempts, counters, session = Attempts(), Counters(), Session()
    if to.region is not None:
        session.set_config_variable("region", to.region)
    ebs, ec2 = (
        _LazyClient(lambda name=name: _client(session, name, to)) for name in ("ebs", "ec2")
    )
    try:
        if session.get_config_variable("region") is None:
            raise NoRegionError
        s3 = _client(session, "s3", to)
        if session.get_credentials() is None:
            raise RefusedError("credentials are missing: set AWS_PROFILE or AWS_ACCESS_KEY_ID")
        if to.transport == "lean" and not _proxied():  # botocore knows its way through a proxy
            blocks, bucket = _lean(session, to, ebs, ec2, s3)
        else:
            blocks, bucket = BotocoreBlocks(ebs, ec2), BotocoreBucket(s3, to.bucket)
    except (BotoCoreError, ValueError) as error:  # no Region, a half of a key, a wrong URL
        raise RefusedError(
            f"AWS cannot be reached with the settings of the environment: {error}"
        ) from error
    store = Store(bucket, attempts, counters)
    return ReliableBlocks(blocks, attempts, Pace(to.blocks_per_second), counters), store


def _lean(
    session: Any, to: ArchiveConnection, ebs: Any, ec2: Any, s3: Any
) -> tuple[BotocoreBlocks, BotocoreBucket]:
    from botocore.httpsession import get_cert_path

    from functions.block_archive.lean_blocks import LeanBlocks
    from functions.block_archive.lean_bucket import LeanBucket
    from functions.block_archive.lean_connections import LeanConnections
    from functions.block_archive.lean_http import LeanHttp

    bundle = session.get_config_variable("ca_bundle") or get_cert_path(True)
    connections = LeanConnections(connect=_CONNECT_SECONDS, read=_READ_SECONDS, bundle=bundle)
    http = LeanHttp(session.get_credentials(), connections)
    return LeanBlocks(ebs, ec2, http), LeanBucket(s3, to.bucket, http)


def _proxied() -> bool:
    """Return whether the environment names a proxy; a list of hosts without one names none."""
    from urllib.request import getproxies

    return bool(getproxies().keys() - {"no"})


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
    return session.create_client(service, endpoint_url=to.endpoint_url, config=config)

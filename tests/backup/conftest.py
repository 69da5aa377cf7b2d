"""An account of one's own for each test, and volumes with few blocks in many segments."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.credentials import Credentials

from doubles.ebs_direct.cloud import Cloud
from doubles.ebs_direct.http import Response, SignedRequest
from doubles.ebs_direct.in_process import InProcessConnections, client
from doubles.ebs_direct.volumes import BlockSnapshot, BlockVolume
from functions.archive_format.root import Root
from functions.block_archive.archive import Archived, Options, archive
from functions.block_archive.attempts import Attempts
from functions.block_archive.botocore_blocks import BotocoreBlocks
from functions.block_archive.bucket import BotocoreBucket
from functions.block_archive.counters import Counters
from functions.block_archive.lean_blocks import LeanBlocks
from functions.block_archive.lean_bucket import LeanBucket
from functions.block_archive.lean_http import LeanHttp
from functions.block_archive.pace import Pace
from functions.block_archive.reliable import ReliableBlocks
from functions.block_archive.store import Store


class _Door:
    """Clients cost a tenth of a second each, so they are made once for all."""

    cloud: Cloud

    def answer(self, request: SignedRequest) -> Response:
        return self.cloud.answer(request)


_DOOR = _Door()
_CLIENTS: dict[str, Any] = {}


class Engine:
    """A cloud and what archives it, anew for each run as a new process would be."""

    def __init__(self, transport: str = "botocore") -> None:
        self.cloud = Cloud()
        self.transport = transport
        self.bucket = self.cloud.s3.create("archive")
        _DOOR.cloud = self.cloud
        for name in ("ebs", "ec2", "s3"):
            if name not in _CLIENTS:
                _CLIENTS[name] = client(_DOOR, name)  # type: ignore[arg-type]
        self._clients = _CLIENTS
        self._random = random.Random(7)
        self._last = datetime.min.replace(tzinfo=UTC)

    def store(self) -> Store:
        return Store(self.transported()[1], self._quick(), Counters())

    def transported(self, name: str = "archive") -> tuple[BotocoreBlocks, BotocoreBucket]:
        """Snapshots and bucket by this engine's transport, without attempts."""
        _DOOR.cloud = self.cloud  # the clients are everybody's
        ebs, ec2, s3 = (self._clients[name] for name in ("ebs", "ec2", "s3"))
        if self.transport == "botocore":
            return BotocoreBlocks(ebs, ec2), BotocoreBucket(s3, name)
        http = LeanHttp(Credentials("testing", "testing"), InProcessConnections(self.cloud))
        return LeanBlocks(ebs, ec2, http), LeanBucket(s3, name, http)

    def parts(self) -> tuple[ReliableBlocks, Store]:
        """What a run has, anew."""
        store = self.store()
        source = self.transported()[0]
        return ReliableBlocks(source, self._quick(), Pace(10_000), store.counters), store

    def archive(
        self, snapshot: BlockSnapshot, base: Root | None = None, workers: int = 4
    ) -> Archived:
        blocks, store = self.parts()
        return archive(
            blocks,
            store,
            blocks.describe(snapshot.id),
            base=base.key if base else None,
            options=Options(workers=workers, retain=timedelta(days=35)),
            now=self.cloud.now,
        )

    def snapshot(self, volume: BlockVolume) -> BlockSnapshot:
        """Return a new snapshot that started at least a second after the last one.

        The key of a root has whole seconds; EBS starts no two snapshots of a volume in one.
        """
        self._last = max(self.cloud.now(), self._last + timedelta(seconds=1))
        return self.cloud.ebs.add(volume.snapshot(at=self._last))

    def content(self) -> bytes:
        """A block that zstd halves."""
        return self._random.randbytes(256) * 1024 + self._random.randbytes(2**18)

    def volume(self) -> BlockVolume:
        """9 GiB, three work items, with equal and zero blocks among ten."""
        volume = BlockVolume(9)
        for index in (0, 5, 4095, 4096, 9000, 9001, 18_000):
            volume.write(index, self.content())
        volume.write(7, bytes(524_288))
        volume.write(8, volume.blocks[0].data())
        volume.write(18_431, self.content())
        return volume

    @staticmethod
    def _quick() -> Attempts:
        return Attempts(sleep=lambda _: None)


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def new_engine() -> Callable[[], Engine]:
    return Engine

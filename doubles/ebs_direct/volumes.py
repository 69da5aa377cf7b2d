"""Volumes and the snapshots of them: which block of which volume holds what, and since when."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

BLOCK_SIZE = 524_288  # bytes; the only size there is (EBS direct APIs, ListSnapshotBlocks)
BLOCKS_PER_GIB = 2**30 // BLOCK_SIZE


_numbers = itertools.count(1)


class Block:
    """The content of one block as one write left it: the same bytes twice are two blocks."""

    __slots__ = ("_content", "digest")

    def __init__(self, content: bytes | Callable[[], bytes]) -> None:
        self._content = content
        data = self.data()
        if len(data) != BLOCK_SIZE:
            raise ValueError(f"a block should have {BLOCK_SIZE} bytes, got {len(data)}")
        self.digest = hashlib.sha256(data).digest()

    def data(self) -> bytes:
        """Return the block's bytes, made anew where they are not kept."""
        return self._content() if callable(self._content) else self._content


@dataclass(kw_only=True)
class BlockSnapshot:
    """One snapshot: completed ones can be read, pending ones written."""

    id: str
    volume_id: str
    lineage: str  # snapshots of one lineage can be compared
    volume_gib: int
    blocks: dict[int, Block]
    started: datetime
    status: str = "completed"
    tier: str = "standard"
    encrypted: bool = False
    kms_key: str | None = None
    parent: str | None = None
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    timeout_minutes: int = 60
    last_used: datetime = datetime.min.replace(tzinfo=UTC)
    visible_from: datetime = datetime.min.replace(tzinfo=UTC)
    written: set[int] = field(default_factory=set)

    def image(self) -> bytes:
        """Return the whole volume as raw bytes; absent blocks read as zeros."""
        image = bytearray(self.volume_gib * 2**30)
        for index, block in self.blocks.items():
            image[index * BLOCK_SIZE : (index + 1) * BLOCK_SIZE] = block.data()
        return bytes(image)

    def again(self, at: datetime) -> BlockSnapshot:
        """A later snapshot of the volume, which holds once more what it held at this one."""
        return replace(self, id=f"snap-{next(_numbers):017x}", started=at)

    def contents(self) -> dict[int, bytes]:
        """Digests by index, for a comparison without the bytes."""
        return {index: block.digest for index, block in self.blocks.items()}


class BlockVolume:
    """A volume that is written to, discards and grows; snapshots share what did not change."""

    def __init__(self, volume_gib: int, *, volume_id: str | None = None) -> None:
        self.id = volume_id or f"vol-{next(_numbers):017x}"
        self.volume_gib = volume_gib
        self.blocks: dict[int, Block] = {}

    @property
    def slots(self) -> int:
        return self.volume_gib * BLOCKS_PER_GIB

    def write(self, index: int, content: bytes | Callable[[], bytes]) -> None:
        """Write one block."""
        if not 0 <= index < self.slots:
            raise ValueError(f"'index' should be 0 to {self.slots - 1}, got {index}")
        self.blocks[index] = Block(content)

    def discard(self, index: int) -> None:
        """Give a block back; it is absent from the next snapshot."""
        self.blocks.pop(index, None)

    def grow(self, volume_gib: int) -> None:
        """Make the volume larger; it cannot become smaller."""
        if volume_gib < self.volume_gib:
            raise ValueError(f"'volume_gib' should be {self.volume_gib} or more, got {volume_gib}")
        self.volume_gib = volume_gib

    def snapshot(self, *, at: datetime, snapshot_id: str | None = None) -> BlockSnapshot:
        """Return a snapshot of its current blocks."""
        return BlockSnapshot(
            id=snapshot_id or f"snap-{next(_numbers):017x}",
            volume_id=self.id,
            lineage=self.id,
            volume_gib=self.volume_gib,
            blocks=dict(self.blocks),
            started=at,
        )

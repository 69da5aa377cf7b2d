"""A pack: zstd frames of blocks in index order, then a skippable frame with their table.

`zstd -d` of a pack is the blocks one after the other; the table makes it self-describing.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from .geometry import ArchiveError

_SKIPPABLE = struct.Struct("<II")  # magic, length of what follows
_SKIPPABLE_MAGIC = 0x184D2A50  # RFC 8878, section 3.1.2
_ENTRY = struct.Struct("<32sII")  # SHA-256 of the block, offset and length of its frame
_FOOTER = struct.Struct("<II8s")  # entries, offset of the skippable frame, magic
_MAGIC = b"MSTPACK1"


@dataclass(frozen=True)
class Frame:
    """Locates one block in a pack."""

    digest: bytes  # of the block, uncompressed
    offset: int
    length: int


class PackWriter:
    """Frames are added in index order, so that the same blocks always make the same pack."""

    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self._sha256 = hashlib.sha256()
        self._table: list[bytes] = []
        self.size = 0
        self.digest = b""  # known when the pack is finished

    def add(self, digest: bytes, frame: bytes) -> int:
        """Append a block's frame; returns its offset."""
        offset = self.size
        self._table.append(_ENTRY.pack(digest, offset, len(frame)))
        self._frames.append(frame)
        self._sha256.update(frame)
        self.size += len(frame)
        return offset

    def finish(self) -> list[bytes]:
        """The parts of the pack; its name is their SHA-256. The frames are let go."""
        table = b"".join(self._table)
        head = _SKIPPABLE.pack(_SKIPPABLE_MAGIC, len(table) + _FOOTER.size)
        footer = _FOOTER.pack(len(self._table), self.size, _MAGIC)
        end = b"".join([head, table, footer])
        self._sha256.update(end)
        self.digest = self._sha256.digest()
        parts = [*self._frames, end]
        self._frames, self._table = [], []
        return parts


def frames(pack: bytes | memoryview) -> Iterator[Frame]:
    """The table of a pack. Raises ArchiveError for anything else."""
    if len(pack) < _FOOTER.size:
        raise ArchiveError("a pack is too short to hold its table")
    count, start, magic = _FOOTER.unpack_from(pack, len(pack) - _FOOTER.size)
    expected = start + _SKIPPABLE.size + count * _ENTRY.size + _FOOTER.size
    if magic != _MAGIC or expected != len(pack):
        raise ArchiveError("a pack's table is damaged")
    for number in range(count):
        yield Frame(*_ENTRY.unpack_from(pack, start + _SKIPPABLE.size + number * _ENTRY.size))

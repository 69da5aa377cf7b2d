"""A segment: what each of 4,096 block slots holds, and where in which pack it lies."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from . import zstd
from .geometry import SEGMENT_SLOTS, ArchiveError

_HEAD = struct.Struct("<4sBxHIH2x")  # magic, version, slots, index of the segment, packs
_MAGIC = b"MSEG"
_VERSION = 1
_LEVEL = 3


class BlockState(IntEnum):
    """Tells absent blocks from zeros: an encrypted volume reads absent blocks as noise."""

    ABSENT = 0
    ZERO = 1
    DATA = 2


@dataclass(frozen=True)
class Location:
    """A block's frame."""

    pack: bytes  # SHA-256 of the pack
    offset: int
    length: int


@dataclass(kw_only=True)
class Segment:
    """The slots `index * 4096` to `index * 4096 + 4095` of a volume."""

    index: int
    zeros: set[int] = field(default_factory=set)  # slots, counted from the segment's first
    data: dict[int, tuple[bytes, Location]] = field(default_factory=dict)  # digest and place

    def state(self, slot: int) -> BlockState:
        """Return the state of the slot."""
        if slot in self.data:
            return BlockState.DATA
        return BlockState.ZERO if slot in self.zeros else BlockState.ABSENT

    @property
    def empty(self) -> bool:
        """Return whether every slot is absent; such a segment is not stored."""
        return not self.zeros and not self.data

    def packs(self) -> list[bytes]:
        """Digests of the packs it needs, in the order of first use."""
        return list(dict.fromkeys(place.pack for _, (_, place) in sorted(self.data.items())))

    def digests(self, zero_digest: bytes) -> Iterator[bytes]:
        """The SHA-256 of every allocated block by index: what EBS aggregates."""
        for slot in sorted(self.zeros | self.data.keys()):
            yield self.data[slot][0] if slot in self.data else zero_digest

    def encode(self) -> bytes:
        """The bytes as stored; the same segment always makes the same bytes."""
        states = bytearray(SEGMENT_SLOTS // 4)
        for slot in range(SEGMENT_SLOTS):
            states[slot // 4] |= self.state(slot) << (slot % 4 * 2)
        packs = self.packs()
        numbers = {pack: number for number, pack in enumerate(packs)}
        rows = [self.data[slot] for slot in sorted(self.data)]
        columns = [
            b"".join(digest for digest, _ in rows),
            b"".join(struct.pack("<H", numbers[place.pack]) for _, place in rows),
            b"".join(struct.pack("<I", place.offset) for _, place in rows),
            b"".join(struct.pack("<I", place.length)[:3] for _, place in rows),
        ]
        head = _HEAD.pack(_MAGIC, _VERSION, SEGMENT_SLOTS, self.index, len(packs))
        return zstd.compress(b"".join([head, bytes(states), *packs, *columns]), _LEVEL)


def decode(stored: bytes) -> Segment:
    """Read a segment. Raises ArchiveError where the bytes are none, or of another version."""
    raw = zstd.decompress(stored)
    if len(raw) < _HEAD.size:
        raise ArchiveError("a segment is too short")
    magic, version, slots, index, pack_count = _HEAD.unpack_from(raw)
    if magic != _MAGIC or version != _VERSION or slots != SEGMENT_SLOTS:
        raise ArchiveError(f"a segment of version {version} with {slots} slots cannot be read")
    states = raw[_HEAD.size : _HEAD.size + SEGMENT_SLOTS // 4]
    found = [states[slot // 4] >> (slot % 4 * 2) & 3 for slot in range(SEGMENT_SLOTS)]
    data = [slot for slot, state in enumerate(found) if state == BlockState.DATA]
    start = _HEAD.size + SEGMENT_SLOTS // 4
    if len(raw) != start + pack_count * 32 + len(data) * (32 + 2 + 4 + 3):
        raise ArchiveError(f"segment {index} has {len(raw)} bytes, which its head contradicts")
    packs = [raw[start + 32 * n : start + 32 * (n + 1)] for n in range(pack_count)]
    return Segment(
        index=index,
        zeros={slot for slot, state in enumerate(found) if state == BlockState.ZERO},
        data=dict(zip(data, _rows(raw, start + 32 * pack_count, len(data), packs), strict=True)),
    )


def _rows(
    raw: bytes, start: int, count: int, packs: list[bytes]
) -> Iterator[tuple[bytes, Location]]:
    """Digest and place of each data block, from the four columns."""
    numbers, offsets = start + 32 * count, start + 34 * count
    lengths = offsets + 4 * count
    for n in range(count):
        (number,) = struct.unpack_from("<H", raw, numbers + 2 * n)
        (offset,) = struct.unpack_from("<I", raw, offsets + 4 * n)
        length = int.from_bytes(raw[lengths + 3 * n : lengths + 3 * n + 3], "little")
        yield raw[start + 32 * n : start + 32 * n + 32], Location(packs[number], offset, length)

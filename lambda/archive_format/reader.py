"""Blocks out of an archive, each verified: the one way in which anything is restored or checked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Protocol

from archive_format import root as roots
from archive_format import segment as segments
from archive_format import zstd
from archive_format.geometry import (
    BLOCK_SIZE,
    SEGMENT_SLOTS,
    ArchiveError,
    checked,
    pack_key,
    segment_key,
)
from archive_format.root import Root
from archive_format.segment import Location, Segment

# Below this share of a pack, its blocks are fetched one by one instead of the whole pack.
_WHOLE_PACK_SHARE = 0.5
_FULL_PACK = 16 * 2**20


class Files(Protocol):
    """Where the bucket's files are: S3, or a plain copy of them in a folder."""

    def get(self, key: str) -> bytes:
        """The whole file. Raises ArchiveError where there is none."""
        ...

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        """A part of it."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Every key that begins so, in order."""
        ...


def load_root(files: Files, name: str) -> Root:
    """A root by its key, by its snapshot's id, or the `latest` of a volume: `latest:vol-…`."""
    if name.startswith(roots.PREFIX):
        return roots.decode(files.get(name), name)
    keys = [key for key in files.keys(roots.PREFIX) if key.endswith(".json")]
    if name.startswith("latest"):
        volume = name.partition(":")[2]
        found = [key for key in keys if not volume or key.split("/")[1] == volume]
        found = sorted(found, key=lambda key: key.rsplit("/", 1)[1])[-1:]
    else:
        found = [key for key in keys if key.endswith(f"_{name}.json")]
    if not found:
        raise ArchiveError(f"'root' should be a key, a snapshot's id or latest, got '{name}'")
    return roots.decode(files.get(found[0]), found[0])


def load_segment(files: Files, root: Root, index: int) -> Segment:
    """A segment of a root, verified; an empty one where nothing is stored."""
    name = root.segments[index]
    if name is None:
        return Segment(index=index)
    digest = bytes.fromhex(name)
    key = segment_key(digest)
    found = segments.decode(checked(files.get(key), digest, key))
    if found.index != index:
        raise ArchiveError(f"{key} describes segment {found.index}, the root says {index}")
    return found


def blocks_of(files: Files, segment: Segment) -> Iterator[tuple[int, bytes]]:
    """Index in the volume and bytes of every data block of a segment, pack by pack."""
    by_pack: dict[bytes, list[int]] = {}
    for slot in sorted(segment.data):
        by_pack.setdefault(segment.data[slot][1].pack, []).append(slot)
    for pack, slots in by_pack.items():
        yield from pack_blocks(files, segment, pack, slots)


def pack_blocks(
    files: Files, segment: Segment, pack: bytes, slots: list[int]
) -> Iterator[tuple[int, bytes]]:
    """The same of one pack."""
    frames = _frames(files, pack, [segment.data[slot][1] for slot in slots])
    last: tuple[int, bytes] = (-1, b"")
    for slot in slots:
        digest, place = segment.data[slot]
        if place.offset != last[0]:
            last = (place.offset, block_of(frames(place), digest, segment, slot))
        yield segment.index * SEGMENT_SLOTS + slot, last[1]


def block_of(frame: bytes, digest: bytes, segment: Segment, slot: int) -> bytes:
    """Decode one block. Raises ArchiveError, with the block's index, where it is not the one."""
    index = segment.index * SEGMENT_SLOTS + slot
    try:
        block = zstd.decompress(frame)
    except ArchiveError as error:
        raise ArchiveError(f"block {index}: {error}") from error
    if len(block) != BLOCK_SIZE or hashlib.sha256(block).digest() != digest:
        raise ArchiveError(f"block {index} is damaged: it is not the one that was archived")
    return block


def _frames(files: Files, pack: bytes, places: list[Location]) -> Callable[[Location], bytes]:
    """How to come by a frame: out of the whole pack, verified, or by a request of its own.

    A frame alone is verified by its block's SHA-256, as every block is.
    """
    key, unique = pack_key(pack), set(places)
    if sum(place.length for place in unique) >= _WHOLE_PACK_SHARE * _FULL_PACK or len(unique) > 8:
        body = memoryview(checked(files.get(key), pack, key))
        return lambda place: bytes(body[place.offset : place.offset + place.length])
    return lambda place: files.get_range(key, place.offset, place.length)

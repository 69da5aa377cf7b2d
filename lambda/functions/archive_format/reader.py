"""Blocks out of an archive, each verified: the one way in which anything is restored or checked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Protocol

from . import root as roots
from . import segment as segments
from . import zstd
from .geometry import (
    BLOCK_SIZE,
    SEGMENT_SLOTS,
    ArchiveError,
    checked,
    pack_key,
    segment_key,
)
from .root import Root
from .segment import Location, Segment

# Below this share of a pack, its blocks are fetched one by one instead of the whole pack.
_WHOLE_PACK_SHARE = 0.5
_FULL_PACK = 16 * 2**20


class Files(Protocol):
    """Reads the bucket's files from S3, or from a plain copy of them in a folder."""

    def get(self, key: str) -> bytes:
        """The whole file. Raises ArchiveError where there is none."""
        ...

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset` of the file."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield every key with this prefix, in order."""
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


def packs_of(segment: Segment) -> list[tuple[bytes, list[int]]]:
    """Yield every pack that a segment needs, with the slots of its blocks there, in index order."""
    by_pack: dict[bytes, list[int]] = {}
    for slot in sorted(segment.data):
        by_pack.setdefault(segment.data[slot][1].pack, []).append(slot)
    return list(by_pack.items())


def pack_blocks(
    files: Files, segment: Segment, pack: bytes, slots: list[int], into: memoryview
) -> Iterator[int]:
    """Index in the volume of each of these blocks, while its bytes are in `into`."""
    frames = _frames(files, pack, [segment.data[slot][1] for slot in slots])
    last = -1
    for slot in slots:
        digest, place = segment.data[slot]
        if place.offset != last:
            last = place.offset
            decode(frames(place), digest, segment.index * SEGMENT_SLOTS + slot, into)
        yield segment.index * SEGMENT_SLOTS + slot


def decode(frame: zstd.Buffer, digest: bytes, index: int, into: memoryview) -> None:
    """Decode one block. Raises ArchiveError, with its index, where its hash differs."""
    try:
        length = zstd.decompress_into(frame, into)
    except ArchiveError as error:
        raise ArchiveError(f"block {index}: {error}") from error
    if length != BLOCK_SIZE or hashlib.sha256(into).digest() != digest:
        raise ArchiveError(f"block {index} is damaged: it is not the one that was archived")


def _frames(files: Files, pack: bytes, places: list[Location]) -> Callable[[Location], zstd.Buffer]:
    """Return how a frame is read: out of the whole pack, or by a request of its own.

    Either way it is verified by its block's SHA-256; that of the pack would say no more.
    """
    key, unique = pack_key(pack), set(places)
    if sum(place.length for place in unique) >= _WHOLE_PACK_SHARE * _FULL_PACK or len(unique) > 8:
        body = memoryview(files.get(key))
        return lambda place: body[place.offset : place.offset + place.length]
    return lambda place: files.get_range(key, place.offset, place.length)

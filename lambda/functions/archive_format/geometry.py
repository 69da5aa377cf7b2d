"""Divides a volume into blocks and segments of an index, and names them in a bucket."""

from __future__ import annotations

import hashlib

FORMAT_VERSION = 1
BLOCK_SIZE = 524_288  # bytes; the block of the EBS direct APIs
BLOCKS_PER_GIB = 2**30 // BLOCK_SIZE
SEGMENT_SLOTS = 4_096  # blocks that one segment describes: 2 GiB of volume
ZERO_DIGEST = hashlib.sha256(bytes(BLOCK_SIZE)).digest()


class ArchiveError(Exception):
    """Raised where what is read is not what was archived, or is unusable; the message names it."""


def segment_count(volume_gib: int) -> int:
    """Segments of a volume; the last one may be partly outside it."""
    return -(-volume_gib * BLOCKS_PER_GIB // SEGMENT_SLOTS)


def pack_key(digest: bytes) -> str:
    """Return the key of a pack."""
    return f"packs/{digest.hex()[:2]}/{digest.hex()}"


def segment_key(digest: bytes) -> str:
    """Return the key of a segment."""
    return f"segments/{digest.hex()[:2]}/{digest.hex()}"


def checked(data: bytes, digest: bytes, key: str) -> bytes:
    """The data, if it is what its name says. Raises ArchiveError."""
    found = hashlib.sha256(data).digest()
    if found != digest:
        raise ArchiveError(f"{key} is damaged: its SHA-256 is {found.hex()}")
    return data

"""Verifies a root without S3: level 0 reads the index, level 2 every byte."""

from __future__ import annotations

import hashlib

from .geometry import (
    BLOCK_SIZE,
    SEGMENT_SLOTS,
    ZERO_DIGEST,
    ArchiveError,
    checked,
    pack_key,
)
from .pack import frames
from .reader import Files, decode, load_segment
from .root import Root


def verify(files: Files, root: Root, level: int) -> dict[str, int]:
    """Counts of what was read. Raises ArchiveError naming the first thing that is wrong.

    0: the root and its segments are there, whole, and agree with the root's counts and checksum.
    2: besides, every pack is read, has its name's SHA-256, and holds the blocks that it should.
    """
    linear = hashlib.sha256()
    zero = data = 0
    read: set[bytes] = set()
    block = memoryview(bytearray(BLOCK_SIZE))
    for index in range(len(root.segments)):
        segment = load_segment(files, root, index)
        zero, data = zero + len(segment.zeros), data + len(segment.data)
        for digest in segment.digests(ZERO_DIGEST):
            linear.update(digest)
        if level < 2:
            continue
        for pack in segment.packs():
            slots = {s: v for s, v in segment.data.items() if v[1].pack == pack}
            key = pack_key(pack)
            body = memoryview(checked(files.get(key), pack, key))
            table = {frame.offset: frame for frame in frames(body)}
            for slot, (digest, place) in slots.items():
                frame = table.get(place.offset)
                if frame is None or (frame.digest, frame.length) != (digest, place.length):
                    raise ArchiveError(f"{key} does not hold slot {slot} of segment {index}")
                stored = body[place.offset : place.offset + place.length]
                decode(stored, digest, index * SEGMENT_SLOTS + slot, block)
            read.add(pack)
    if (zero, data) != (root.counts.zero, root.counts.data):
        raise ArchiveError(f"{root.key} says {root.counts}, its segments have {data} and {zero}")
    if linear.hexdigest() != root.linear_sha256:
        raise ArchiveError(f"{root.key} has another LINEAR checksum than its segments")
    return {"segments": len(root.segments), "blocks": data, "zeros": zero, "packs": len(read)}

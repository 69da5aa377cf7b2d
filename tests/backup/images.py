"""What a restored image holds, block by block, beside what the snapshot held."""

from __future__ import annotations

import hashlib
from pathlib import Path

from doubles.ebs_direct.volumes import BLOCK_SIZE, BlockSnapshot

_ZERO = hashlib.sha256(bytes(BLOCK_SIZE)).digest()


def same(image: Path, snapshot: BlockSnapshot) -> bool:
    """Whether every block of the volume is the snapshot's; holes are read only where allocated."""
    if image.stat().st_size != snapshot.volume_gib * 2**30:
        return False
    allocated = image.stat().st_blocks * 512
    if allocated > (len(snapshot.blocks) + 1) * BLOCK_SIZE:
        return False  # something was written where the snapshot holds nothing
    with image.open("rb") as file:
        for index, block in snapshot.blocks.items():
            file.seek(index * BLOCK_SIZE)
            if hashlib.sha256(file.read(BLOCK_SIZE)).digest() != block.digest:
                return False
    return True

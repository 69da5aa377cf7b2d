"""The volumes of the benchmark, the same bytes on every machine and in every run."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from doubles.ebs_direct.volumes import BLOCK_SIZE, BlockSnapshot, BlockVolume
from functions.archive_format import zstd

SEED = 20_261_125
PAGE = 4_096
BLOCKS = 2_048  # 1 GiB of data
CHANGED = 103  # 5 % of it
VOLUME_GIB = 4
LEVEL = 1  # of zstd
NAMES = ("snap-0be0c4a", "snap-0be0c4b")
_START = datetime(2026, 1, 1, tzinfo=UTC)
_RUN = 64  # blocks that lie side by side
_ZERO_SHARE, _DUPLICATE_SHARE = 0.02, 0.05
_WORDS, _PHRASES = 4_000, 3_000
_PAGES = ("random", "text", "zero")
_PAGE_SHARES = (40, 50, 10)


class Content:
    """Blocks as a database leaves them: pages of text, of what does not compress, of nothing."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._text = self._prose(4 * 2**20)

    def block(self) -> bytes:
        """Return the next one."""
        pages = self._random.choices(_PAGES, _PAGE_SHARES, k=BLOCK_SIZE // PAGE)
        return b"".join(self._page(kind) for kind in pages)

    def _page(self, kind: str) -> bytes:
        if kind == "random":
            return self._random.randbytes(PAGE)
        if kind == "zero":
            return bytes(PAGE)
        start = self._random.randrange(len(self._text) - PAGE)
        return self._text[start : start + PAGE]

    def _prose(self, size: int) -> bytes:
        """Phrases of a small language, the frequent ones more often: about 3.5 to 1 by zstd, as the
        records of a database are."""
        letters = "etaoinshrdlucmfwypvbgk"
        words = [
            "".join(self._random.choices(letters, k=self._random.randint(2, 9)))
            for _ in range(_WORDS)
        ]
        phrases = [
            " ".join(self._random.choices(words, k=self._random.randint(3, 7)))
            for _ in range(_PHRASES)
        ]
        shares = [1 / (rank + 8) for rank in range(len(phrases))]
        text = "; ".join(self._random.choices(phrases, shares, k=size // 16))
        return text.encode()[:size]


def benchmark_snapshots() -> tuple[BlockSnapshot, BlockSnapshot]:
    """One with 1 GiB of data, and the next with 5 % of it changed."""
    rng, content = random.Random(SEED), Content(SEED)
    volume = BlockVolume(VOLUME_GIB, volume_id="vol-0be0c4")
    runs = rng.sample(range(volume.slots // _RUN), BLOCKS // _RUN)
    indexes = [run * _RUN + offset for run in sorted(runs) for offset in range(_RUN)]
    stored: list[bytes] = []
    for index in indexes:
        drawn = rng.random()
        if drawn < _ZERO_SHARE:
            volume.write(index, bytes(BLOCK_SIZE))
        elif drawn < _ZERO_SHARE + _DUPLICATE_SHARE and stored:
            volume.write(index, rng.choice(stored))
        else:
            stored.append(content.block())
            volume.write(index, stored[-1])
    first = volume.snapshot(at=_START, snapshot_id=NAMES[0])
    for index in rng.sample(indexes, CHANGED):
        volume.write(index, content.block())
    return first, volume.snapshot(at=_START + timedelta(hours=1), snapshot_id=NAMES[1])


def sparse_snapshot(volume_gib: int, blocks: int) -> BlockSnapshot:
    """So many equal-sized blocks, evenly over a volume of any size."""
    content = random.Random(SEED)
    volume = BlockVolume(volume_gib, volume_id=f"vol-{volume_gib:08x}")
    for number in range(blocks):
        volume.write(number * (volume.slots // blocks), content.randbytes(PAGE) * (2**7))
    return volume.snapshot(at=_START, snapshot_id=f"snap-{volume_gib:08x}")


def changed(first: BlockSnapshot, second: BlockSnapshot) -> tuple[int, int]:
    """Return the number of blocks that differ in the second, and the compressed bytes of those
    contents that the first does not have."""
    known = {block.digest for block in first.blocks.values()}
    blocks = [block for at, block in second.blocks.items() if block is not first.blocks.get(at)]
    new = {block.digest: block for block in blocks if block.digest not in known}
    compressed = sum(len(zstd.compress(block.data(), LEVEL)) for block in new.values())
    return len(blocks), compressed

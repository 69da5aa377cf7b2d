"""What a job will cost, before it is begun."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from functions.archive_format.geometry import BLOCK_SIZE
from functions.block_archive.counters import dollars
from functions.block_archive.job import Job
from functions.block_archive.listing import changes
from functions.block_archive.reliable import ReliableBlocks

# Amazon S3 pricing, Standard, first 50 TB, us-east-1: US dollars per GB (10^9 bytes) and month.
_STORAGE = 0.023 / 1e9
_LISTERS = 8  # at once; 50 requests per second are EBS's quota


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Requests, bytes, money and time of a job. Storage is that of incompressible blocks."""

    blocks: int
    exact: bool  # counted in a listing, not assumed from the volume's size
    requests: dict[str, int]
    dollars: float  # of the requests
    stored_bytes_at_most: int
    dollars_a_month_at_most: float  # of what it stores
    seconds_at_least: float  # at the pace that is asked for

    def encode(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        counted = "" if self.exact else "at most "
        return (
            f"{counted}{self.blocks} blocks, ${self.dollars:.2f} of requests, "
            f"{self.stored_bytes_at_most / 2**30:.1f} GiB and "
            f"${self.dollars_a_month_at_most:.2f} a month at most, "
            f"{self.seconds_at_least / 60:.0f} min or more"
        )


def estimate(job: Job, *, blocks_per_second: float, blocks: int | None = None) -> Estimate:
    """Estimate `blocks`, or every block of the volume where nothing was counted."""
    many = job.slots if blocks is None else blocks
    items, packs = len(job.items), -(-many * BLOCK_SIZE // job.pack_bytes)
    requests = {
        "list_requests": items,
        "get_requests": many,
        # per item two segments and a receipt; the packs; the guide, lease and root of a run
        "s3_put_requests": 3 * items + packs + 7,
        "s3_get_requests": 3 * items + 2,
    }
    stored = many * BLOCK_SIZE
    return Estimate(
        blocks=many,
        exact=blocks is not None,
        requests=requests,
        dollars=dollars(requests),
        stored_bytes_at_most=stored,
        dollars_a_month_at_most=round(stored * _STORAGE, 4),
        seconds_at_least=round(many / blocks_per_second, 1),
    )


def counted(blocks: ReliableBlocks, job: Job) -> int:
    """How many blocks a job will fetch, by a listing; about a dollar for a million million."""
    with ThreadPoolExecutor(_LISTERS) as pool:
        return sum(pool.map(lambda item: sum(_fetched(blocks, job, item)), job.items))


def _fetched(blocks: ReliableBlocks, job: Job, item: int) -> Iterator[int]:
    listed, _ = changes(blocks, job, job.segments_of(item))
    return (block.token is not None for block in listed)

"""Does what each state of an archive does, with the engine's parts as arguments."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from functions.archive_format import root as roots
from functions.archive_format.reader import load_root
from functions.archive_format.root import Root
from functions.block_archive.archive import (
    Options,
    begin,
    describe,
    find_archived,
    finish,
    receipts_of,
)
from functions.block_archive.archive import plan as plan_job
from functions.block_archive.errors import ArchiveError, RefusedError
from functions.block_archive.estimate import estimate
from functions.block_archive.item import ItemRun
from functions.block_archive.job import Job
from functions.block_archive.proof import verify, write_evidence
from functions.block_archive.prune import prune
from functions.block_archive.reliable import ReliableBlocks
from functions.block_archive.store import Store

# What one function of 2,048 MB fetches, compresses and stores per second (50 to 85 MiB/s of
# network: third parties' measurements of AWS Lambda). So many share the budget.
_BLOCKS_PER_FUNCTION = 120


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The event of a plan, checked."""

    snapshot: str
    base: str | None
    options: Options

    @staticmethod
    def read(event: dict[str, Any]) -> Asked:
        """Raises RefusedError naming what is wrong with the event."""
        snapshot = event.get("snapshot")
        if not isinstance(snapshot, str) or not snapshot.startswith("snap-"):
            raise RefusedError(f"'snapshot' should be an id such as snap-…, got {snapshot!r}")
        days, level = event.get("retain_days", 35), event.get("level", 1)
        if not isinstance(days, int) or not 1 <= days <= 36_500:
            raise RefusedError(f"'retain_days' should be 1 to 36500, got {days!r}")
        if not isinstance(level, int) or not -7 <= level <= 22:
            raise RefusedError(f"'level' should be -7 to 22, got {level!r}")
        options = Options(retain=timedelta(days=days), level=level)
        return Asked(snapshot=snapshot, base=event.get("base", "latest"), options=options)


def plan(
    blocks: ReliableBlocks, store: Store, asked: Asked, *, budget: float, now: datetime
) -> dict[str, Any]:
    """Write the job and its items down. Raises ArchiveError."""
    snapshot = describe(blocks, asked.snapshot)
    found = find_archived(store, snapshot)
    if found is not None:
        return _done(found)
    job = plan_job(store, snapshot, base=asked.base, options=asked.options, now=now)
    receipts = begin(store, job, now=now)
    missing = [item for item in job.items if item not in receipts]
    functions = max(1, min(len(missing), math.ceil(budget / _BLOCKS_PER_FUNCTION)))
    share = round(budget / functions, 3)
    items = [{"job": job.key, "item": item, "blocks_per_second": share} for item in missing]
    store.note(job.key, json.dumps(job.encode(), sort_keys=True).encode())
    store.note(job.items_key, json.dumps(items).encode())
    return {
        "done": False,
        "job": job.key,
        "items": {"bucket": store.name, "key": job.items_key},
        "count": len(items),
        "concurrency": functions,
        "estimate": estimate(job, blocks_per_second=budget).encode(),
    }


def work(
    blocks: ReliableBlocks,
    store: Store,
    key: str,
    item: int,
    *,
    workers: int,
    deadline: Callable[[], bool],
    now: Callable[[], datetime],
) -> dict[str, Any]:
    """Do one item, unless its receipt is there. Raises ArchiveError, or OutOfTime."""
    job = _job(store, key)
    if item not in job.items:
        raise RefusedError(f"'item' should be one of {len(job.items)}, got {item}")
    receipt = receipts_of(store, job, now=now(), only=item).get(item)
    if receipt is None:
        base = roots.decode(store.get(job.base_key), job.base_key) if job.base_key else None
        run = ItemRun(blocks, store, job, base=base, workers=workers, now=now, deadline=deadline)
        receipt = run.run(item)
    return {
        "item": item,
        "data": receipt.data,
        "new": receipt.new,
        "stored_bytes": receipt.stored_bytes,
    }


def commit(store: Store, key: str, *, now: datetime) -> dict[str, Any]:
    """Write the root. Raises ArchiveError where an item is missing."""
    job = _job(store, key)
    return _done(finish(store, job, receipts_of(store, job, now=now), now=now))


def proven(store: Store, event: dict[str, Any], *, now: datetime) -> dict[str, Any]:
    """Verify a root at a level, and keep the proof in the bucket. Raises ArchiveError."""
    level = event.get("level", 1)
    if level not in (0, 1, 2):
        raise RefusedError(f"'level' should be 0, 1 or 2, got {level!r}: a drill needs a disk")
    root = load_root(store, event.get("root", "latest"))
    found = verify(store, root, level)
    key = write_evidence(store, root, level, found, now=now)
    return {"root": root.key, "level": level, "evidence": key, **found}


def pruned(
    store: Store, original: Store, *, stop: Callable[[], bool], now: datetime
) -> dict[str, Any]:
    """Sweep the copy of an archive, and return what it did. Raises ArchiveError."""
    return vars(prune(store, now=now, apply=True, original=original, stop=stop))


def _job(store: Store, key: str) -> Job:
    try:
        return Job.decode(json.loads(store.get(key)))
    except (ValueError, TypeError, KeyError) as error:
        raise ArchiveError(f"{key} is no job: {error!r}") from error


def _done(root: Root) -> dict[str, Any]:
    return {
        "done": True,
        "root": root.key,
        "counts": vars(root.counts),
        "stored_bytes": root.stored_bytes,
        "dollars": root.dollars,
    }

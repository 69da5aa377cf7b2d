"""The commit: every receipt is there, every file is held long enough, then the root is written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

from functions.archive_format import root as roots
from functions.archive_format.ahead import ahead
from functions.archive_format.geometry import ZERO_DIGEST, pack_key
from functions.archive_format.reader import load_segment
from functions.archive_format.root import Counts, Root
from functions.archive_format.segment import Segment
from functions.block_archive.counters import dollars, total
from functions.block_archive.errors import ArchiveError, ExistsError
from functions.block_archive.job import Job, Receipt
from functions.block_archive.store import Store

TOOL = "mainstay-backup 1"
_READERS = 8  # segments of 8,192 are read in minutes, one after the other
_SAMPLE = 8  # packs that are looked at once more before a root vouches for them


def commit(store: Store, job: Job, receipts: dict[int, Receipt], *, now: datetime) -> Root:
    """Write the root, or find the one that a twin of this job has written.

    Raises ArchiveError where a receipt or a file is missing, or too short or badly locked.
    """
    missing = [item for item in job.items if item not in receipts]
    if missing:
        raise ArchiveError(f"{len(missing)} work items have no receipt, the first is {missing[0]}")
    root = _root(store, job, [receipts[item] for item in job.items], now)
    body = root.encode()
    try:
        store.put_once(root.key, body, hashlib.sha256(body).digest(), job.needed_lock)
    except ExistsError:
        return roots.decode(store.get(root.key), root.key)
    return root


def _root(store: Store, job: Job, receipts: list[Receipt], now: datetime) -> Root:
    names: dict[int, str | None] = {}
    for receipt in receipts:
        names.update(receipt.segments)
    requests = total([receipt.requests for receipt in receipts])
    snapshot = job.snapshot
    root = Root(
        snapshot_id=snapshot.snapshot_id,
        volume_id=snapshot.volume_id,
        volume_gib=snapshot.volume_gib,
        snapshot_started=snapshot.started,
        job_id=job.id,
        base=job.base_key,
        base_sha256=job.base_sha256,
        segments=tuple(names[index] for index in sorted(names)),
        counts=_counts(receipts),
        linear_sha256="",
        raw_bytes=snapshot.volume_gib * 2**30,
        stored_bytes=sum(receipt.stored_bytes for receipt in receipts),
        archived_at=now.astimezone(UTC).isoformat(timespec="seconds"),
        retain_until=job.retain_until,
        locked_until=_locked_until(store, receipts),
        encrypted=snapshot.encrypted,
        kms_key=snapshot.kms_key,
        region=snapshot.region,
        account=snapshot.account,
        tags=snapshot.tags,
        requests=requests,
        dollars=dollars(requests),
        tool=TOOL,
    )
    linear, packs = hashlib.sha256(), {}
    for segment in _segments(store, root):
        for digest in segment.digests(ZERO_DIGEST):
            linear.update(digest)
        if len(packs) < _SAMPLE and segment.data:
            packs[next(reversed(segment.packs()))] = None
    for pack in packs:
        store.hold(pack_key(pack), job.needed_lock, digest=pack)
    return replace(root, linear_sha256=linear.hexdigest())


def _segments(store: Store, root: Root) -> Iterator[Segment]:
    with ThreadPoolExecutor(_READERS) as pool:
        stored = range(len(root.segments))
        yield from ahead(pool, lambda index: load_segment(store, root, index), stored, _READERS)


def _counts(receipts: list[Receipt]) -> Counts:
    data, new = sum(r.data for r in receipts), sum(r.new for r in receipts)
    return Counts(
        absent=sum(receipt.absent for receipt in receipts),
        zero=sum(receipt.zero for receipt in receipts),
        data=data,
        new=new,
        reused=data - new,
    )


def _locked_until(store: Store, receipts: list[Receipt]) -> str | None:
    if not store.locks:
        return None
    return min((receipt.locked_until for receipt in receipts), key=datetime.fromisoformat)

"""A snapshot into the bucket, on one machine; the state machine runs the same items far apart."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from functions.archive_format import root as roots
from functions.archive_format.reader import load_root
from functions.archive_format.root import Root
from functions.block_archive.bucket_guide import carry_guide
from functions.block_archive.commit import commit
from functions.block_archive.errors import ArchiveError, MissingError, RefusedError
from functions.block_archive.item import ItemRun
from functions.block_archive.job import Job, Receipt, times
from functions.block_archive.lease import Lease
from functions.block_archive.reliable import ReliableBlocks
from functions.block_archive.source import Description
from functions.block_archive.store import Store

LATEST = "latest"  # as a base: the newest root of the volume, where it has one


@dataclass(frozen=True, kw_only=True)
class Options:
    """Sets how a run works; only level and pack_bytes change the result."""

    retain: timedelta = timedelta(days=35)
    workers: int = 16
    level: int = 1  # of zstd
    pack_bytes: int = 16 * 2**20


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Archived:
    """A root that is in the bucket."""

    root: Root
    already: bool  # it was there before this run


def describe(blocks: ReliableBlocks, snapshot: str) -> Description:
    """Return the snapshot as EC2 describes it. Raises RefusedError where there is none."""
    try:
        return blocks.describe(snapshot)
    except MissingError as error:
        raise RefusedError(
            f"'snapshot' should be of this account and Region, got '{snapshot}': {error}"
        ) from error


def plan(
    store: Store, snapshot: Description, *, base: str | None, options: Options, now: datetime
) -> Job:
    """The job of a snapshot. Raises ArchiveError where the base is of no use."""
    root = _base(store, snapshot, base)
    if root is not None and root.volume_gib > snapshot.volume_gib:
        raise ArchiveError(
            f"'base' should be of a volume of at most {snapshot.volume_gib} GiB, since volumes do "
            f"not shrink, got '{root.key}' of {root.volume_gib} GiB"
        )
    return Job(
        snapshot=snapshot,
        base_key=root.key if root else None,
        base_sha256=root.sha256 if root else None,
        base_snapshot_id=root.snapshot_id if root else None,
        level=options.level,
        pack_bytes=options.pack_bytes,
        **times(now, options.retain),
    )


def _base(store: Store, snapshot: Description, name: str | None) -> Root | None:
    if not name:
        return None
    if name != LATEST:
        return load_root(store, name)
    keys = [
        key
        for key in store.keys(f"{roots.PREFIX}{snapshot.volume_id}/")
        if key < roots.root_key(snapshot.volume_id, snapshot.started, "")
    ]
    return load_root(store, keys[-1]) if keys else None


def find_archived(store: Store, snapshot: Description) -> Root | None:
    """The root of a snapshot that is archived already."""
    key = roots.root_key(snapshot.volume_id, snapshot.started, snapshot.snapshot_id)
    body = store.find(key)
    return roots.decode(body, key) if body is not None else None


def begin(store: Store, job: Job, *, now: datetime) -> dict[int, Receipt]:
    """Lease the base, see that the bucket explains itself, and read what is done already."""
    store.note(job.lease_key, Lease(job=job.id, base=job.base_key, at=now.isoformat()).encode())
    carry_guide(store, job.lock)
    return receipts_of(store, job, now=now)


def receipts_of(
    store: Store, job: Job, *, now: datetime, only: int | None = None
) -> dict[int, Receipt]:
    """Return the usable receipts of earlier runs of the job, for one item or for all."""
    prefix = job.receipts_prefix if only is None else job.receipt_key(only)
    with ThreadPoolExecutor(8) as pool:
        receipts = [Receipt.decode(body) for body in pool.map(store.get, store.keys(prefix))]
    return {receipt.item: receipt for receipt in receipts if receipt.usable(job, now)}


def finish(store: Store, job: Job, receipts: dict[int, Receipt], *, now: datetime) -> Root:
    """Commit, then give the lease back. Raises ArchiveError where a receipt is missing."""
    root = commit(store, job, receipts, now=now)
    over = Lease(job=job.id, base=job.base_key, at=now.isoformat(), over=True)
    store.note(job.lease_key, over.encode())
    return root


def archive(
    blocks: ReliableBlocks,
    store: Store,
    snapshot: Description,
    *,
    base: str | None = None,
    options: Options | None = None,
    now: Callable[[], datetime] = _now,
    approve: Callable[[Job], None] = lambda _: None,
    progress: Callable[[int], None] = lambda _: None,
) -> Archived:
    """Archive a snapshot; called again after any interruption it goes on, and after success it
    finds the root. `approve` may raise before anything is fetched. Raises ArchiveError."""
    found = find_archived(store, snapshot)
    if found is not None:
        return Archived(root=found, already=True)
    options = options or Options()
    job = plan(store, snapshot, base=base, options=options, now=now())
    approve(job)
    receipts = begin(store, job, now=now())
    root = load_root(store, job.base_key) if job.base_key else None
    for item in job.items:
        if item in receipts:
            continue
        run = ItemRun(
            blocks, store, job, base=root, workers=options.workers, now=now, progress=progress
        )
        receipts[item] = run.run(item)
    return Archived(root=finish(store, job, receipts, now=now()), already=False)

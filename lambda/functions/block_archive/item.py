"""Does one work item: lists, fetches, verifies, compresses and stores; then writes its receipt."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

from functions.archive_format import zstd
from functions.archive_format.geometry import SEGMENT_SLOTS, ZERO_DIGEST, pack_key, segment_key
from functions.archive_format.pack import PackWriter
from functions.archive_format.reader import load_segment
from functions.archive_format.root import Root
from functions.archive_format.segment import Location, Segment
from functions.block_archive.bucket import Body, size_of
from functions.block_archive.errors import ArchiveError
from functions.block_archive.job import Job, Receipt
from functions.block_archive.listing import changes
from functions.block_archive.reliable import ReliableBlocks
from functions.block_archive.source import Listed
from functions.block_archive.store import Store

# Blocks under way or waiting for their turn, per worker: one that has to be fetched again must not
# keep the others from their work.
_AHEAD = 4
_UPLOADS = 2  # packs on their way at once; each holds 16 MiB


class OutOfTime(ArchiveError):  # noqa: N818 (a stop, not a mistake)
    """The deadline came first: nothing is lost but this item's work."""


@dataclass(frozen=True)
class _Place:
    """A frame in a pack whose name may not be known yet."""

    pack: PackWriter | bytes
    offset: int
    length: int

    def final(self) -> Location:
        pack = self.pack if isinstance(self.pack, bytes) else self.pack.digest
        return Location(pack, self.offset, self.length)


@dataclass
class _Claims:
    """Which blocks are stored or about to be, so that each content is compressed once."""

    known: dict[bytes, _Place]
    pending: dict[bytes, Future[bytes]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def mine(self, digest: bytes) -> Future[bytes] | None:
        """Return the key to store, or None where another worker stores it."""
        with self.lock:
            if digest == ZERO_DIGEST or digest in self.known or digest in self.pending:
                return None
            promise = self.pending[digest] = Future()
            return promise


class ItemRun:
    """The run of one item. The result is the same however often and with how many threads."""

    def __init__(
        self,
        blocks: ReliableBlocks,
        store: Store,
        job: Job,
        *,
        base: Root | None,
        workers: int,
        now: Callable[[], datetime],
        deadline: Callable[[], bool] = lambda: False,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._blocks, self._store, self._job, self._base = blocks, store, job, base
        self._workers, self._now = workers, now
        self._deadline, self._progress = deadline, progress
        self._claims = _Claims({})
        self._uploads: deque[Future[None]] = deque()
        self._base_packs: set[bytes] = set()
        self._stored_bytes = self._new = 0
        self._counted = blocks.counters.all()

    def run(self, item: int) -> Receipt:
        """Do it and leave the receipt. Raises ArchiveError, or OutOfTime."""
        segments = self._job.segments_of(item)
        before = {index: self._before(index) for index in segments}
        for segment in before.values():
            self._base_packs.update(segment.packs())
            for digest, place in segment.data.values():
                self._claims.known[digest] = _Place(place.pack, place.offset, place.length)
        listed, relative = changes(self._blocks, self._job, segments)
        with ThreadPoolExecutor(_UPLOADS) as uploads:
            after = self._after(before, listed, uploads, relative=relative)
            while self._uploads:
                self._uploads.popleft().result()
        names = {index: self._keep(after[index]) for index in segments}
        receipt = self._receipt(item, names, after)
        self._store.note(self._job.receipt_key(item), receipt.encode())
        return receipt

    def _before(self, index: int) -> Segment:
        if self._base is None or index >= len(self._base.segments):
            return Segment(index=index)
        return load_segment(self._store, self._base, index)

    def _after(
        self,
        before: dict[int, Segment],
        listed: list[Listed],
        uploads: ThreadPoolExecutor,
        *,
        relative: bool,
    ) -> dict[int, Segment]:
        """The segments with what is listed, their new blocks in packs that are on their way."""
        places: dict[int, dict[int, tuple[bytes, _Place]]] = {}
        zeros: dict[int, set[int]] = {}
        for index, segment in before.items():
            kept = segment if relative else Segment(index=index)
            zeros[index] = set(kept.zeros)
            places[index] = {
                slot: (digest, _Place(at.pack, at.offset, at.length))
                for slot, (digest, at) in kept.data.items()
            }
        pack, number = PackWriter(), -1
        for block, digest in self._fetched(listed):
            index, slot = divmod(block.index, SEGMENT_SLOTS)
            if index != number:  # a pack belongs to one segment
                pack, number = self._close(pack, uploads), index
            zeros[index].discard(slot)
            places[index].pop(slot, None)
            if digest == ZERO_DIGEST:
                zeros[index].add(slot)
            elif digest is not None:
                places[index][slot] = (digest, self._place(digest, pack))
            if pack.size >= self._job.pack_bytes:
                pack = self._close(pack, uploads)
        self._close(pack, uploads)
        return {
            index: Segment(
                index=index,
                zeros=zeros[index],
                data={slot: (digest, at.final()) for slot, (digest, at) in places[index].items()},
            )
            for index in before
        }

    def _place(self, digest: bytes, pack: PackWriter) -> _Place:
        known = self._claims.known.get(digest)
        if known is not None:
            return known
        frame = self._claims.pending[digest].result()
        place = _Place(pack, pack.add(digest, frame), len(frame))
        with self._claims.lock:
            self._claims.known[digest] = place
            del self._claims.pending[digest]
        self._new += 1
        return place

    def _fetched(self, listed: list[Listed]) -> Iterator[tuple[Listed, bytes | None]]:
        """Yield each block with its SHA-256, in order; None where it is gone from the snapshot."""
        waiting: deque[tuple[Listed, Future[bytes] | None]] = deque()
        rest = iter(listed)
        pool = ThreadPoolExecutor(self._workers)
        try:
            while True:
                while len(waiting) < _AHEAD * self._workers and (block := next(rest, None)):
                    work = pool.submit(self._fetch, block) if block.token is not None else None
                    waiting.append((block, work))
                if not waiting:
                    return
                block, work = waiting.popleft()
                if self._deadline():
                    raise OutOfTime(f"the deadline came before block {block.index}")
                yield block, None if work is None else work.result()
                self._progress(1)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _fetch(self, block: Listed) -> bytes:
        digest, data = self._blocks.fetch(self._job.snapshot.snapshot_id, block)
        promise = self._claims.mine(digest)
        if promise is not None:
            try:
                promise.set_result(zstd.compress(data, self._job.level))
            except BaseException as error:
                promise.set_exception(error)
                raise
        return digest

    def _close(self, pack: PackWriter, uploads: ThreadPoolExecutor) -> PackWriter:
        if not pack.size:
            return pack
        body = pack.finish()
        while len(self._uploads) >= _UPLOADS:
            self._uploads.popleft().result()
        self._uploads.append(uploads.submit(self._upload, pack.digest, body))
        return PackWriter()

    def _upload(self, digest: bytes, body: Body) -> None:
        new = self._store.put_new(pack_key(digest), body, digest, self._job.lock)
        self._store.counters.add("packs_new" if new else "packs_there_already")
        self._stored_bytes += size_of(body)

    def _keep(self, segment: Segment) -> str | None:
        """Store the segment, and make sure that all it needs stays long enough."""
        if segment.empty:
            return None
        body = segment.encode()
        digest = hashlib.sha256(body).digest()
        known = self._base.segments if self._base else ()
        same = segment.index < len(known) and known[segment.index] == digest.hex()
        if self._base is not None and not self._base_lasts():
            for pack in self._base_packs.intersection(segment.packs()):
                self._store.hold(pack_key(pack), self._job.lock)
            if same:
                self._store.hold(segment_key(digest), self._job.lock)
        if not same:
            self._store.put_new(segment_key(digest), body, digest, self._job.lock)
            self._stored_bytes += len(body)
        return digest.hex()

    def _base_lasts(self) -> bool:
        """Return whether everything that the base reaches is locked for long enough already."""
        locked = self._base.locked_until if self._base else None
        if not self._store.locks:
            return True
        return locked is not None and datetime.fromisoformat(locked) >= self._job.needed_lock

    def _receipt(
        self, item: int, names: dict[int, str | None], after: dict[int, Segment]
    ) -> Receipt:
        zero = sum(len(segment.zeros) for segment in after.values())
        data = sum(len(segment.data) for segment in after.values())
        first, last = min(names) * SEGMENT_SLOTS, (max(names) + 1) * SEGMENT_SLOTS
        slots = min(last, self._job.slots) - first
        return Receipt(
            item=item,
            segments=names,
            absent=slots - zero - data,
            zero=zero,
            data=data,
            new=self._new,
            stored_bytes=self._stored_bytes,
            locked_until=self._lowest_lock(),
            made=self._now().astimezone(UTC).isoformat(),
            requests=self._blocks.counters.since(self._counted),
        )

    def _lowest_lock(self) -> str:
        base = self._base.locked_until if self._base and self._base_lasts() else None
        if base is None:
            return self._job.lock_until
        return min(base, self._job.lock_until, key=datetime.fromisoformat)

"""An archive into a new EBS snapshot: EBS itself checks every block, their number and their sum."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from functions.archive_format.ahead import ahead
from functions.archive_format.geometry import BLOCK_SIZE, SEGMENT_SLOTS, ZERO_DIGEST
from functions.archive_format.reader import Files, load_segment, pack_blocks, packs_of
from functions.archive_format.root import Root
from functions.archive_format.segment import Segment
from functions.block_archive.errors import ArchiveError
from functions.block_archive.reliable import ReliableBlocks

_GENERATIONS = 5  # snapshots that EBS gave up, one after the other, before we do
_ZERO = memoryview(bytes(BLOCK_SIZE))
_POLL_SECONDS = 5.0


@dataclass(kw_only=True)
class RestoredSnapshot:
    """Describes the snapshot that a restore made."""

    snapshot_id: str
    state: str = "pending"
    blocks: int = 0  # of data that this run wrote
    zeros: int = 0
    segments_before: int = 0  # written by an earlier run that was interrupted


@dataclass(frozen=True, kw_only=True)
class Into:
    """The snapshot to be made. The same values find the one that an earlier run began."""

    kms_key: str | None = None  # of an encrypted snapshot, as an ARN
    number: int = 1  # another one of the same root
    note: Path | None = None  # where a run keeps which segments are written

    def token(self, root: Root, generation: int) -> str:
        """At most 64 characters of ASCII (StartSnapshot, ClientToken)."""
        identity = json.dumps([root.sha256, self.kms_key, self.number, generation])
        return hashlib.sha256(identity.encode()).hexdigest()


def restore_snapshot(
    blocks: ReliableBlocks,
    files: Files,
    root: Root,
    into: Into,
    *,
    workers: int = 8,
    wait_seconds: float = 3600.0,
    sleep: Callable[[float], None] = time.sleep,
    progress: Callable[[int], None] = lambda _: None,
) -> RestoredSnapshot:
    """Write the volume into a new snapshot, and wait until it is completed.

    Zeros are written where the archive says zero: an encrypted volume reads absent blocks as noise.
    Called again after an interruption it goes on with the same snapshot; after success it finds it.
    Raises ArchiveError naming the block, or what EBS does not accept.
    """
    snapshot, state = _started(blocks, root, into)
    restored = RestoredSnapshot(snapshot_id=snapshot, state=state)
    if state == "completed":
        _forget_note(into.note)
        return restored
    done = _done_before(into.note, snapshot)
    restored.segments_before = len(done)
    with ThreadPoolExecutor(workers) as pool:
        for index in range(len(root.segments)):
            if index in done:
                continue
            segment = load_segment(files, root, index)
            _write(blocks, files, segment, snapshot, pool, workers, progress)
            restored.blocks += len(segment.data)
            restored.zeros += len(segment.zeros)
            if not segment.empty:
                done.add(index)
                _write_note(into.note, snapshot, done)
    linear = base64.b64encode(bytes.fromhex(root.linear_sha256)).decode()
    blocks.complete(snapshot, root.counts.data + root.counts.zero, linear)
    restored.state = _completed(blocks, snapshot, wait_seconds, sleep)
    _forget_note(into.note)
    return restored


def _started(blocks: ReliableBlocks, root: Root, into: Into) -> tuple[str, str]:
    """The snapshot of this restore and its state; a new one where EBS gave the last one up."""
    snapshot = ""
    for generation in range(_GENERATIONS):
        snapshot = blocks.start(
            volume_gib=root.volume_gib,
            client_token=into.token(root, generation),
            description=f"mainstay archive of {root.snapshot_id}"[:255],
            kms_key=into.kms_key,
        )
        state = blocks.state(snapshot)
        if state != "error":
            return snapshot, state
    raise ArchiveError(f"EBS gave up {_GENERATIONS} snapshots of {root.key}, the last {snapshot}")


def _write(
    blocks: ReliableBlocks,
    files: Files,
    segment: Segment,
    snapshot: str,
    pool: ThreadPoolExecutor,
    workers: int,
    progress: Callable[[int], None],
) -> None:
    first = segment.index * SEGMENT_SLOTS

    def pack(one: tuple[bytes, list[int]]) -> int:
        block, slots = memoryview(bytearray(BLOCK_SIZE)), one[1]
        for index in pack_blocks(files, segment, *one, block):
            blocks.put(snapshot, index, block, segment.data[index - first][0])
            progress(1)
        return len(slots)

    def zero(slot: int) -> None:
        blocks.put(snapshot, first + slot, _ZERO, ZERO_DIGEST)
        progress(1)

    for _ in ahead(pool, pack, packs_of(segment), 2 * workers):
        pass
    for _ in ahead(pool, zero, sorted(segment.zeros), 2 * workers):
        pass


def _completed(
    blocks: ReliableBlocks, snapshot: str, wait_seconds: float, sleep: Callable[[float], None]
) -> str:
    waited = 0.0
    while True:
        state = blocks.state(snapshot)
        # unknown: an endpoint without EC2; CompleteSnapshot has accepted it
        if state in ("completed", "unknown") or (state == "pending" and waited >= wait_seconds):
            return state
        if state != "pending":
            raise ArchiveError(f"{snapshot} ended as '{state}' after its blocks were written")
        sleep(_POLL_SECONDS)
        waited += _POLL_SECONDS


def _done_before(note: Path | None, snapshot: str) -> set[int]:
    if note is None:
        return set()
    try:
        found = json.loads(note.read_text())
    except (OSError, ValueError):
        return set()
    return set(found["segments"]) if found.get("snapshot") == snapshot else set()


def _forget_note(note: Path | None) -> None:
    if note is not None:
        note.unlink(missing_ok=True)


def _write_note(note: Path | None, snapshot: str, done: set[int]) -> None:
    if note is None:
        return
    fresh = note.with_name(f"{note.name}.new")
    fresh.write_text(json.dumps({"snapshot": snapshot, "segments": sorted(done)}))
    fresh.replace(note)

"""A raw image out of an archive: absent and zero blocks are holes, every other one is verified."""

from __future__ import annotations

import json
import mmap
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .geometry import BLOCK_SIZE, SEGMENT_SLOTS, ArchiveError
from .reader import Files, load_segment, pack_blocks, packs_of
from .root import Root
from .segment import Segment
from .target import Target


@dataclass(kw_only=True)
class Restored:
    """Counts what a restore wrote."""

    blocks: int = 0
    bytes: int = 0
    segments: int = 0
    segments_before: int = 0  # done by an earlier run that was interrupted


def restore_image(
    files: Files,
    root: Root,
    target: Path,
    *,
    workers: int = 4,
    overwrite: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Restored:
    """Write the volume to `target`, a new file or, with `overwrite`, a block device or file.

    A file appears under its name when it is whole; until then it is `<target>.partial`, and an
    interrupted restore goes on where it stopped. Raises ArchiveError naming the block that is
    damaged or missing, or the target that cannot be used.
    """
    device = _usable(target, root, overwrite=overwrite)
    place = target if device else target.with_name(f"{target.name}.partial")
    note = target.with_name(f"{target.name}.progress.json")
    done = _done_before(note, root) if place.exists() else set()
    restored = Restored(segments_before=len(done))
    flags = os.O_RDWR | (0 if device else os.O_CREAT | (0 if done else os.O_TRUNC))
    file = Target(place, flags)
    try:
        if not device:
            file.resize(root.volume_gib * 2**30)
        with ThreadPoolExecutor(workers) as pool:
            for index in range(len(root.segments)):
                if index not in done:
                    _segment(files, root, index, file, pool, restored, zeros=device)
                    done.add(index)
                    if root.segments[index] is not None:
                        file.sync()
                        _write_note(note, root, done)
                progress(index + 1, len(root.segments))
        file.sync()
    finally:
        file.close()
    if not device:
        place.replace(target)
    note.unlink(missing_ok=True)
    return restored


def _usable(target: Path, root: Root, *, overwrite: bool) -> bool:
    """Return whether the target is a device. Raises ArchiveError where writing would lose data."""
    if not target.parent.is_dir():
        raise ArchiveError(f"'to' should be in a folder that exists, got '{target}'")
    if not target.exists():
        return False
    kind = target.stat().st_mode
    device = stat.S_ISBLK(kind)
    if not device and not stat.S_ISREG(kind):
        raise ArchiveError(f"'to' should be a file or a block device, got '{target}'")
    if not overwrite:
        raise ArchiveError(f"'to' should be new, but '{target}' exists: pass overwrite")
    if device:
        with target.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
        if size < root.volume_gib * 2**30:
            raise ArchiveError(
                f"'to' should hold {root.volume_gib} GiB, but '{target}' has {size} bytes"
            )
    return device


def _segment(
    files: Files,
    root: Root,
    index: int,
    file: Target,
    pool: ThreadPoolExecutor,
    restored: Restored,
    *,
    zeros: bool,
) -> None:
    segment = load_segment(files, root, index)
    work = [
        pool.submit(_pack, files, segment, pack, slots, file) for pack, slots in packs_of(segment)
    ]
    if zeros:  # a device holds what was there before; a new file holds nothing
        _clear(segment, root, file)
    try:
        for one in work:
            restored.blocks += one.result()
    finally:
        for one in work:
            one.cancel()
    restored.bytes = restored.blocks * BLOCK_SIZE
    restored.segments += 1


def _pack(files: Files, segment: Segment, pack: bytes, slots: list[int], file: Target) -> int:
    block = file.buffer()
    for index in pack_blocks(files, segment, pack, slots, block):
        file.write(index, block)
    return len(slots)


def _clear(segment: Segment, root: Root, file: Target) -> None:
    nothing, first = memoryview(mmap.mmap(-1, BLOCK_SIZE)), segment.index * SEGMENT_SLOTS
    for slot in range(SEGMENT_SLOTS):
        inside = (first + slot + 1) * BLOCK_SIZE <= root.volume_gib * 2**30
        if inside and slot not in segment.data:
            file.write(first + slot, nothing)


def _done_before(note: Path, root: Root) -> set[int]:
    try:
        found = json.loads(note.read_text())
    except (OSError, ValueError):
        return set()
    return set(found["segments"]) if found.get("root") == root.sha256 else set()


def _write_note(note: Path, root: Root, done: set[int]) -> None:
    fresh = note.with_name(f"{note.name}.new")
    fresh.write_text(json.dumps({"root": root.sha256, "segments": sorted(done)}))
    fresh.replace(note)

"""Verifies a root with S3 at hand: level 1, every file exists and is locked long enough;
level 3, it restores. Levels 0 and 2 need no S3: archive_format.levels."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from functions.archive_format import levels
from functions.archive_format.ahead import ahead
from functions.archive_format.geometry import (
    BLOCK_SIZE,
    SEGMENT_SLOTS,
    ZERO_DIGEST,
    ArchiveError,
    pack_key,
    segment_key,
)
from functions.archive_format.image import restore_image
from functions.archive_format.reader import load_segment
from functions.archive_format.root import Root
from functions.block_archive.store import Store

LEVELS = (0, 1, 2, 3)
_READERS = 16
_CHECK_SECONDS = 3600


def verify(
    store: Store,
    root: Root,
    level: int,
    *,
    scratch: Path | None = None,
    check: list[str] | None = None,
    inspect: Callable[[Path], Any] | None = None,
    workers: int = 4,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Counts of what was proven. Raises ArchiveError naming the first thing that is wrong.

    0: the root and its segments. 1: besides, each pack and segment is in S3, with the SHA-256 of
    its name and a lock that outlasts the root. 2: besides 0, every byte is read. 3: the volume is
    restored into `scratch`, read back, `check` (with {image} for its path) exits with 0, and
    `inspect` is called with its path; the counts have what it returns.
    """
    if level in (0, 2):
        return dict(levels.verify(store, root, level))
    if level == 1:
        return {**levels.verify(store, root, 0), **_held(store, root)}
    if scratch is None:
        raise ArchiveError("'scratch' should be a folder with room for the volume's data")
    return _drilled(store, root, scratch, check or [], inspect, workers, progress)


def _held(store: Store, root: Root) -> dict[str, Any]:
    """Check every file's existence, size, checksum and lock, with one request each."""
    needed = datetime.fromisoformat(root.retain_until)
    files: dict[str, tuple[bytes | None, int]] = {root.key: (None, 1)}
    for index, name in enumerate(root.segments):
        if name is not None:
            files[segment_key(bytes.fromhex(name))] = (bytes.fromhex(name), 1)
        for _, place in load_segment(store, root, index).data.values():
            key, end = pack_key(place.pack), place.offset + place.length
            files[key] = (place.pack, max(end, files.get(key, (None, 0))[1]))

    def look(key: str) -> datetime | None:
        digest, at_least = files[key]
        found = store.head(key)
        if found is None:
            raise ArchiveError(f"{key} is missing: {root.key} cannot be restored")
        if found.size < at_least:
            raise ArchiveError(f"{key} has {found.size} bytes, and {at_least} are needed of it")
        if digest is not None and found.sha256 not in (None, digest):
            raise ArchiveError(f"{key} has another SHA-256 in S3 than its name says")
        if store.locks and (found.retain_until is None or found.retain_until < needed):
            raise ArchiveError(
                f"{key} is locked until {found.retain_until}, and {root.key} until {needed}"
            )
        return found.retain_until

    with ThreadPoolExecutor(_READERS) as pool:
        locks = [until for until in ahead(pool, look, sorted(files), 2 * _READERS) if until]
    lowest = min(locks).isoformat() if locks else None
    return {"files": len(files), "lowest_lock": lowest}


def _drilled(
    store: Store,
    root: Root,
    scratch: Path,
    check: list[str],
    inspect: Callable[[Path], Any] | None,
    workers: int,
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """Restore, read back from the disk, let the caller look at it, and clean up."""
    image = scratch / f"{root.snapshot_id}.img"
    try:
        restored = restore_image(store, root, image, workers=workers, progress=progress)
        read = _read_back(store, root, image)
        if check:
            _checked(check, image)
        seen = {"inspected": inspect(image)} if inspect else {}
    finally:
        image.unlink(missing_ok=True)
    counts = {"blocks": restored.blocks, "read_back": read}
    return {**counts, "check": " ".join(check) or None, **seen}


def _read_back(store: Store, root: Root, image: Path) -> int:
    read, linear = 0, hashlib.sha256()
    with image.open("rb") as file:
        for index in range(len(root.segments)):
            segment = load_segment(store, root, index)
            for slot in sorted(segment.zeros | segment.data.keys()):
                at = index * SEGMENT_SLOTS + slot
                file.seek(at * BLOCK_SIZE)
                digest = hashlib.sha256(file.read(BLOCK_SIZE)).digest()
                expected = segment.data[slot][0] if slot in segment.data else ZERO_DIGEST
                if digest != expected:
                    raise ArchiveError(f"block {at} is not what was archived, read back from disk")
                linear.update(digest)
                read += 1
    if linear.hexdigest() != root.linear_sha256:
        raise ArchiveError(f"{root.key} has another LINEAR checksum than the restored image")
    return read


def _checked(check: list[str], image: Path) -> None:
    command = [part.replace("{image}", str(image)) for part in check]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_CHECK_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ArchiveError(f"'check' could not be run: {error}") from error
    if done.returncode:
        output = (done.stderr or done.stdout).strip()[-500:]
        raise ArchiveError(f"'check' ended with {done.returncode}: {output}")


def evidence_key(root: Root, at: datetime) -> str:
    """Return the prefix of the proofs of a level; the newest proof gives its age."""
    return f"verify/{root.volume_id}/{root.snapshot_id}/{at:%Y%m%dT%H%M%SZ}.json"


def write_evidence(
    store: Store, root: Root, level: int, found: dict[str, Any], *, now: datetime
) -> str:
    """Keep what was proven, and when. Returns its key."""
    key = evidence_key(root, now)
    body = {"root": root.key, "level": level, "at": now.isoformat(), "found": found}
    store.note(key, json.dumps(body, sort_keys=True, default=str).encode())
    return key

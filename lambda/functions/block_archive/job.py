"""A job: one snapshot into the bucket, on top of a base, in work items that may run anywhere."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from functions.archive_format.geometry import BLOCKS_PER_GIB, segment_count
from functions.archive_format.root import root_key
from functions.block_archive.source import Description

ITEM_SEGMENTS = 2  # 4 GiB of volume: about 80 s of one function at 100 blocks per second
# A receipt that is older is not used: what it names may be swept once it is unreferenced for 7 d.
RECEIPT_LIFE = timedelta(days=3)
# Files are locked for longer than their root, so that the roots of the next weeks need not extend
# the lock of each file that they use again.
LOCK_AHEAD = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Job:
    """Everything that a work item needs; it lies in the bucket as JSON."""

    snapshot: Description
    base_key: str | None
    base_sha256: str | None
    base_snapshot_id: str | None
    retain_until: str  # ISO 8601 in UTC
    lock_until: str
    level: int = 1  # of zstd
    pack_bytes: int = 16 * 2**20  # a pack is closed when its frames reach this

    @property
    def id(self) -> str:
        """Return an id that is equal for equal work: a retry continues, and a twin does no harm."""
        parts = [self.snapshot.snapshot_id, self.base_sha256, self.level, self.pack_bytes]
        return hashlib.sha256(json.dumps(["v1", ITEM_SEGMENTS, *parts]).encode()).hexdigest()[:32]

    @property
    def root_key(self) -> str:
        """Where its root will lie."""
        snapshot = self.snapshot
        return root_key(snapshot.volume_id, snapshot.started, snapshot.snapshot_id)

    @property
    def slots(self) -> int:
        """Blocks of the volume."""
        return self.snapshot.volume_gib * BLOCKS_PER_GIB

    @property
    def items(self) -> list[int]:
        """Numbers of its work items."""
        return list(range(-(-segment_count(self.snapshot.volume_gib) // ITEM_SEGMENTS)))

    @property
    def lock(self) -> datetime:
        return datetime.fromisoformat(self.lock_until)

    @property
    def needed_lock(self) -> datetime:
        return datetime.fromisoformat(self.retain_until)

    def segments_of(self, item: int) -> range:
        """The segments of a work item."""
        last = min((item + 1) * ITEM_SEGMENTS, segment_count(self.snapshot.volume_gib))
        return range(item * ITEM_SEGMENTS, last)

    @property
    def key(self) -> str:
        """Where the job itself lies, for the functions that work on it."""
        return f"jobs/{self.id}/job.json"

    @property
    def items_key(self) -> str:
        """Where the list of items lies that a plan found missing."""
        return f"jobs/{self.id}/items.json"

    @property
    def receipts_prefix(self) -> str:
        return f"jobs/{self.id}/item-"

    def receipt_key(self, item: int) -> str:
        return f"{self.receipts_prefix}{item:06d}.json"

    @property
    def lease_key(self) -> str:
        return f"leases/{self.id}.json"

    def encode(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @staticmethod
    def decode(value: dict[str, Any]) -> Job:
        """From JSON."""
        return Job(**{**value, "snapshot": Description(**value["snapshot"])})


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What a work item left: its segments, which are in the bucket."""

    item: int
    segments: dict[int, str | None]  # SHA-256 by index; None where all slots are absent
    absent: int
    zero: int
    data: int
    new: int
    stored_bytes: int
    locked_until: str
    made: str
    requests: dict[str, int] = field(default_factory=dict)

    def encode(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True).encode()

    @staticmethod
    def decode(stored: bytes) -> Receipt:
        value = json.loads(stored)
        value["segments"] = {int(index): name for index, name in value["segments"].items()}
        return Receipt(**value)

    def usable(self, job: Job, now: datetime) -> bool:
        """Whether a commit may still rely on it."""
        young = now - datetime.fromisoformat(self.made) < RECEIPT_LIFE
        return young and datetime.fromisoformat(self.locked_until) >= job.needed_lock


def times(now: datetime, retain: timedelta) -> dict[str, str]:
    """`retain_until` and `lock_until` of a job that begins now, in whole seconds."""
    now = now.replace(microsecond=0)
    return {
        "retain_until": (now + retain).isoformat(),
        "lock_until": (now + retain + LOCK_AHEAD).isoformat(),
    }

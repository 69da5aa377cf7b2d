"""Snapshot sets as the tags of their snapshots tell of them: what one call took together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

VOLUME_TAG = "mainstay:snapshots"  # on a volume: the series it belongs to
SERIES = "mainstay:series"
ENVIRONMENT = "mainstay:environment"  # on volumes and snapshots: whose they are
SLOT = "mainstay:slot"  # the hour that it was taken for, ISO 8601 in UTC
SET = "mainstay:set"  # of the snapshots of one call: of one moment
SIZE = "mainstay:set-size"  # how many they were
COPY_OF = "mainstay:copy-of"  # on a copy: the snapshot that it is of


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Describes one snapshot of a set."""

    id: str
    volume_id: str
    state: str  # pending, completed, error, recoverable, recovering
    copy_of: str | None
    encrypted: bool


@dataclass(frozen=True, kw_only=True)
class SnapshotSet:
    """The snapshots of one moment, all of them or what is left."""

    id: str
    environment: str
    series: str
    slot: datetime
    size: int
    snapshots: tuple[Snapshot, ...]

    @property
    def good(self) -> bool:
        """Return whether every snapshot of the set exists and is complete."""
        return sum(one.state == "completed" for one in self.snapshots) >= self.size

    @property
    def pending(self) -> bool:
        """Return whether the set may still become good without a new snapshot."""
        alive = sum(one.state in ("completed", "pending") for one in self.snapshots)
        return alive >= self.size and not self.good

    @property
    def lost(self) -> bool:
        """Return whether the set can never become good: a snapshot failed or was deleted."""
        return not self.good and not self.pending


def find_sets(ec2: Any, environment: str) -> list[SnapshotSet]:
    """Return every set of an environment in the client's Region, oldest first.

    Others in the account have series of the same names, and policies of their own.
    """
    pages = ec2.get_paginator("describe_snapshots").paginate(
        OwnerIds=["self"], Filters=own(environment, SET)
    )
    found: dict[str, list[tuple[dict[str, str], Snapshot]]] = defaultdict(list)
    for page in pages:
        for one in page["Snapshots"]:
            tags = {tag["Key"]: tag["Value"] for tag in one.get("Tags", ())}
            found[tags[SET]].append((tags, _snapshot(one, tags)))
    sets = [_set(members) for members in found.values()]
    return sorted(sets, key=lambda one: (one.slot, one.series, one.id))


def own(environment: str, tag: str) -> list[dict[str, Any]]:
    """Return the filters for what has a tag, whatever it says, and is of an environment."""
    return [
        {"Name": "tag-key", "Values": [tag]},
        {"Name": f"tag:{ENVIRONMENT}", "Values": [environment]},
    ]


def of_series(sets: Iterable[SnapshotSet]) -> dict[str, list[SnapshotSet]]:
    """The sets by series."""
    by_series: dict[str, list[SnapshotSet]] = defaultdict(list)
    for one in sets:
        by_series[one.series].append(one)
    return dict(by_series)


def tags_of(one: SnapshotSet | None = None, /, **more: str) -> list[dict[str, str]]:
    """Tags as the API takes them: those of a set, and more by the names above."""
    own = (
        {
            ENVIRONMENT: one.environment,
            SERIES: one.series,
            SLOT: one.slot.isoformat(),
            SET: one.id,
            SIZE: str(one.size),
        }
        if one
        else {}
    )
    return [{"Key": key, "Value": value} for key, value in {**own, **more}.items()]


def _snapshot(one: dict[str, Any], tags: dict[str, str]) -> Snapshot:
    return Snapshot(
        id=one["SnapshotId"],
        volume_id=one["VolumeId"],
        state=one["State"],
        copy_of=tags.get(COPY_OF),
        encrypted=one.get("Encrypted", False),
    )


def _set(members: list[tuple[dict[str, str], Snapshot]]) -> SnapshotSet:
    tags = members[0][0]
    return SnapshotSet(
        id=tags[SET],
        environment=tags[ENVIRONMENT],
        series=tags[SERIES],
        slot=datetime.fromisoformat(tags[SLOT]),
        size=int(tags[SIZE]),
        snapshots=tuple(sorted((one for _, one in members), key=lambda one: one.id)),
    )

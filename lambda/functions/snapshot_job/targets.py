"""Finds what is to be snapshotted: the tagged volumes, those of one instance together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from functions.snapshot_job.snapshot_sets import VOLUME_TAG, own


@dataclass(frozen=True, kw_only=True)
class SnapshotTarget:
    """The volumes of one series, which are snapshotted at one moment."""

    series: str
    instance_id: str | None  # None where nothing has the volume attached
    volume_ids: tuple[str, ...]
    with_root: bool  # whether the instance's root volume is one of them
    other_volume_ids: tuple[str, ...]  # data volumes of the same instance, not to be snapshotted
    created: datetime  # of the oldest volume


class AmbiguousSeriesError(Exception):
    """Two instances' volumes have the same series; no snapshot would be of one moment."""


def find_targets(
    ec2: Any, environment: str
) -> tuple[list[SnapshotTarget], list[AmbiguousSeriesError]]:
    """Return an environment's targets in the client's Region, and the series that are none."""
    volumes = list(_volumes(ec2, own(environment, VOLUME_TAG)))
    groups: dict[str, dict[str | None, list[dict[str, Any]]]] = defaultdict(dict)
    for volume in sorted(volumes, key=lambda one: one["VolumeId"]):
        tags = {tag["Key"]: tag["Value"] for tag in volume["Tags"]}
        groups[tags[VOLUME_TAG]].setdefault(_instance(volume), []).append(volume)
    targets, problems = [], []
    for series, by_instance in sorted(groups.items()):
        loose = len(by_instance.get(None, ()))
        if len(by_instance) > 1 or loose > 1:
            ids = [one["VolumeId"] for group in by_instance.values() for one in group]
            problems.append(
                AmbiguousSeriesError(
                    f"'{VOLUME_TAG}' should name one instance's volumes, got '{series}' on "
                    f"{', '.join(ids)} of {len(by_instance)} places: give each a series"
                )
            )
            continue
        ((instance, members),) = by_instance.items()
        targets.append(_target(ec2, series, instance, members))
    return targets, problems


def _target(
    ec2: Any, series: str, instance: str | None, members: list[dict[str, Any]]
) -> SnapshotTarget:
    ids = tuple(one["VolumeId"] for one in members)
    root, others = _beside(ec2, instance, ids) if instance else (None, ())
    return SnapshotTarget(
        series=series,
        instance_id=instance,
        volume_ids=ids,
        with_root=root in ids,
        other_volume_ids=others,
        created=min(one["CreateTime"] for one in members),
    )


def _beside(ec2: Any, instance: str, ids: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """The instance's root volume, and its data volumes that are not of the series."""
    (found,) = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"]
    held = {one["DeviceName"]: one["Ebs"]["VolumeId"] for one in found["BlockDeviceMappings"]}
    root = held.get(found.get("RootDeviceName", ""))
    return root, tuple(sorted(set(held.values()) - {root, *ids}))


def _volumes(ec2: Any, only: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for page in ec2.get_paginator("describe_volumes").paginate(Filters=only):
        yield from page["Volumes"]


def _instance(volume: dict[str, Any]) -> str | None:
    held = [one["InstanceId"] for one in volume["Attachments"] if one["State"] == "attached"]
    return held[0] if held else None

"""Takes the sets of the current slot, and copies to the second Region what is wanted there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from functions.snapshot_job.retention import Policy, wanted
from functions.snapshot_job.snapshot_sets import COPY_OF, SnapshotSet, find_sets, of_series, tags_of
from functions.snapshot_job.targets import SnapshotTarget, find_targets

SLOT_LENGTH = timedelta(hours=1)
# The destination takes 20 copies at once (Amazon EBS quotas, "Concurrent snapshot copies per
# destination Region"); the next run copies the rest.
_FULL = {"ResourceLimitExceeded", "SnapshotCopyLimitExceeded", "ConcurrentSnapshotLimitExceeded"}


@dataclass(frozen=True, kw_only=True)
class Copies:
    """Names the Region and key that copies go to."""

    ec2: Any  # a client of that Region
    from_region: str
    key_arn: str  # of KMS, in that Region
    policy: Policy


def slot_of(now: datetime) -> datetime:
    """The slot that a moment lies in: its hour."""
    return now.replace(minute=0, second=0, microsecond=0)


def take(
    ec2: Any, *, environment: str, now: datetime, record: Callable[[dict[str, Any]], None]
) -> list[Exception]:
    """Take what the slot of `now` lacks. What cannot be taken is returned, after all the rest."""
    slot, (targets, problems) = slot_of(now), find_targets(ec2, environment)
    taken = {one.series for one in find_sets(ec2, environment) if one.slot == slot and not one.lost}
    failures: list[Exception] = list(problems)
    for target in targets:
        if target.series in taken:
            continue
        try:
            record({"taken": _take(ec2, environment, target, slot, now), "series": target.series})
        except ClientError as error:
            failures.append(error)
    return failures


def _take(
    ec2: Any, environment: str, target: SnapshotTarget, slot: datetime, now: datetime
) -> list[str]:
    new = SnapshotSet(
        id=f"{environment}/{target.series}/{now.isoformat()}",
        environment=environment,
        series=target.series,
        slot=slot,
        size=len(target.volume_ids),
        snapshots=(),
    )
    tags = [{"ResourceType": "snapshot", "Tags": tags_of(new)}]
    text = f"{environment} {target.series} at {slot.isoformat()}"
    if target.instance_id is None:
        (volume,) = target.volume_ids
        made = [ec2.create_snapshot(VolumeId=volume, Description=text, TagSpecifications=tags)]
    else:
        instance: dict[str, Any] = {
            "InstanceId": target.instance_id,
            "ExcludeBootVolume": not target.with_root,
        }
        if target.other_volume_ids:
            instance["ExcludeDataVolumeIds"] = list(target.other_volume_ids)
        made = ec2.create_snapshots(
            InstanceSpecification=instance, Description=text, TagSpecifications=tags
        )["Snapshots"]
    return [one["SnapshotId"] for one in made]


def copy(
    ec2: Any, to: Copies, *, environment: str, record: Callable[[dict[str, Any]], None]
) -> list[Exception]:
    """Copy every set that the second Region wants and lacks. Returns what could not be copied."""
    failures: list[Exception] = []
    theirs = of_series(find_sets(to.ec2, environment))
    for series, ours in of_series(find_sets(ec2, environment)).items():
        for one in to_copy(to.policy, ours, theirs.get(series, [])):
            there = {s.copy_of for each in theirs.get(series, ()) for s in _alive(each)}
            for snapshot in one.snapshots:
                if snapshot.id in there:
                    continue
                try:
                    made = _copy(to, one, snapshot.id)
                except ClientError as error:
                    if error.response["Error"]["Code"] in _FULL:
                        record({"copies": "as many as at once are allowed; the next run goes on"})
                        return failures
                    failures.append(error)
                else:
                    record({"copied": snapshot.id, "as": made, "series": series})
    return failures


def to_copy(
    policy: Policy, ours: list[SnapshotSet], theirs: list[SnapshotSet]
) -> list[SnapshotSet]:
    """The sets that the second Region wants and does not have whole, oldest first.

    Wanted is what the policy says of both Regions' sets together: so nothing is copied that the
    next prune would delete, and nothing again that it did delete.
    """
    good = {one.slot: one for one in reversed(ours) if one.good}
    there = {one.slot for one in theirs if one.good or one.pending}
    slots = wanted(policy, [*good, *there])
    return [good[slot] for slot in sorted(slots & good.keys() - there)]


def _alive(one: SnapshotSet) -> list[Any]:
    return [s for s in one.snapshots if s.state in ("pending", "completed")]


def _copy(to: Copies, one: SnapshotSet, snapshot_id: str) -> str:
    return to.ec2.copy_snapshot(
        SourceRegion=to.from_region,
        SourceSnapshotId=snapshot_id,
        Description=f"{one.series} at {one.slot.isoformat()}, copied from {to.from_region}",
        Encrypted=True,
        KmsKeyId=to.key_arn,
        TagSpecifications=[
            {"ResourceType": "snapshot", "Tags": tags_of(one, **{COPY_OF: snapshot_id})}
        ],
    )["SnapshotId"]

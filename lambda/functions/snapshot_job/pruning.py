"""Deletes the sets that the policy no longer keeps, and never the newest good one of a series."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from functions.snapshot_job.retention import Policy, kept
from functions.snapshot_job.snapshot_sets import SnapshotSet, find_sets, of_series

_GONE = "InvalidSnapshot.NotFound"


def prune(
    ec2: Any, policy: Policy, *, environment: str, record: Callable[[dict[str, Any]], None]
) -> list[Exception]:
    """Delete what is doomed of an environment in the client's Region.

    Returns what could not be deleted, such as a snapshot that an image is made of.
    """
    failures: list[Exception] = []
    for series, sets in of_series(find_sets(ec2, environment)).items():
        for one in doomed(policy, sets):
            for snapshot in one.snapshots:
                try:
                    ec2.delete_snapshot(SnapshotId=snapshot.id)
                except ClientError as error:
                    if error.response["Error"]["Code"] != _GONE:  # another run was faster
                        failures.append(error)
                        continue
                record({"deleted": snapshot.id, "series": series, "slot": one.slot.isoformat()})
    return failures


def doomed(policy: Policy, sets: list[SnapshotSet]) -> list[SnapshotSet]:
    """The sets of one series that go, oldest first.

    A series without a good set loses nothing. Of what never became good, what is older than the
    newest good set goes: a half-deleted set among it, and a copy that the next run makes anew.
    """
    good = [one for one in sets if one.good]
    if not good:
        return []
    newest = max(one.slot for one in good)
    keep = kept(policy, [one.slot for one in good])
    first: set[Any] = set()
    goes = []
    for one in sorted(sets, key=lambda one: (one.slot, one.id)):
        if one.pending or (one.lost and one.slot >= newest):
            continue
        if one.good and one.slot in keep and one.slot not in first:
            first.add(one.slot)  # a second one of the same slot, after a race, is one too many
            continue
        goes.append(one)
    return goes

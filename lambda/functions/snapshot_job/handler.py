"""Two functions with two roles: `take` may make snapshots and delete none, `prune` the reverse. A
third, `newest`, tells an archive what there is.

Environment: ENVIRONMENT, whose volumes and snapshots they are; METRICS, the namespace of the ages;
POLICY, JSON of a retention.Policy, of this Region. With a second Region: COPY_REGION,
COPY_KEY (of KMS, there) and COPY_POLICY. AWS_REGION is the function's own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import boto3

from functions.snapshot_job.ages import COPY_AGE, SNAPSHOT_AGE, ages, publish
from functions.snapshot_job.pruning import prune as prune_sets
from functions.snapshot_job.retention import Policy
from functions.snapshot_job.snapshot_sets import find_sets, of_series
from functions.snapshot_job.taking import Copies, copy
from functions.snapshot_job.taking import take as take_slot
from functions.snapshot_job.targets import find_targets


class SnapshotJobError(Exception):
    """Something could not be done, and everything else was."""


def take(_event: dict[str, Any], _context: Any) -> None:
    """Take what this hour lacks, copy what the second Region lacks, and say how old things are."""
    now, ec2 = datetime.now(UTC), boto3.client("ec2")
    environment, to = os.environ["ENVIRONMENT"], _copies(os.environ)
    failures = take_slot(ec2, environment=environment, now=now, record=_record)
    if to is not None:
        failures += copy(ec2, to, environment=environment, record=_record)
    targets, _ = find_targets(ec2, environment)
    cloudwatch, metrics = boto3.client("cloudwatch"), os.environ["METRICS"]
    publish(cloudwatch, metrics, SNAPSHOT_AGE, ages(targets, find_sets(ec2, environment), now))
    if to is not None:
        copies = find_sets(to.ec2, environment)
        publish(cloudwatch, metrics, COPY_AGE, ages(targets, copies, now))
    _raise(failures)


def prune(_event: dict[str, Any], _context: Any) -> None:
    """Delete what no policy keeps, here and in the second Region."""
    environment = os.environ["ENVIRONMENT"]
    ec2, policy = boto3.client("ec2"), _policy(os.environ["POLICY"])
    failures = prune_sets(ec2, policy, environment=environment, record=_record)
    to = _copies(os.environ)
    if to is not None:
        failures += prune_sets(to.ec2, to.policy, environment=environment, record=_record)
    _raise(failures)


def newest(_event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """{"snapshots": [{"snapshot": id}, ...]}: of the newest good set of every series."""
    found = find_sets(boto3.client("ec2"), os.environ["ENVIRONMENT"])
    good = of_series(one for one in found if one.good)
    return {
        "snapshots": [
            {"snapshot": snapshot.id} for sets in good.values() for snapshot in sets[-1].snapshots
        ]
    }


def _copies(environment: Mapping[str, str]) -> Copies | None:
    region = environment.get("COPY_REGION")
    if not region:
        return None
    return Copies(
        ec2=boto3.client("ec2", region_name=region),
        from_region=environment["AWS_REGION"],
        key_arn=environment["COPY_KEY"],
        policy=_policy(environment["COPY_POLICY"]),
    )


def _policy(text: str) -> Policy:
    return Policy(**json.loads(text))


def _record(decision: dict[str, Any]) -> None:
    print(json.dumps({"snapshot_job": decision}))


def _raise(failures: list[Exception]) -> None:
    if failures:
        raise SnapshotJobError("; ".join(map(str, failures)))

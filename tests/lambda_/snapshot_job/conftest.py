"""Two Regions in moto with tagged volumes, and clients that die at a chosen call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends

from functions.snapshot_job.pruning import prune
from functions.snapshot_job.retention import Policy
from functions.snapshot_job.snapshot_sets import ENVIRONMENT as ENVIRONMENT_TAG
from functions.snapshot_job.snapshot_sets import VOLUME_TAG, SnapshotSet, find_sets
from functions.snapshot_job.taking import Copies, copy, take

ENVIRONMENT = "production"
HERE, THERE = "us-west-2", "us-east-1"
START = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
POLICY = Policy(hourly=3, daily=2)
COPY_POLICY = Policy(daily=2)


class KilledError(BaseException):
    """The process is gone; no handler of errors sees it."""


class Pulse:
    """Counts the calls of clients, and ends the process at one: before or after AWS did it."""

    def __init__(self) -> None:
        self.calls, self.last, self.after = 0, None, False

    def watch(self, client: Any) -> Any:
        client.meta.events.register("before-call", lambda **_: self._beat(after=False))
        client.meta.events.register("after-call", lambda **_: self._beat(after=True))
        return client

    def kill_at(self, last: int | None, *, after: bool) -> None:
        self.calls, self.last, self.after = 0, last, after

    def _beat(self, *, after: bool) -> None:
        if after is not self.after:
            return
        self.calls += 1
        if self.last is not None and self.calls == self.last:
            raise KilledError


class Site:
    """The account, and the job's runs in it at times that a test says."""

    def __init__(self, image: str, environment: str = ENVIRONMENT) -> None:
        self.environment = environment
        self.here, self.there, self.pulse = _clients()
        self._handlers: list[tuple[Any, str, Any]] = []
        for _, one in self._backends() if environment == ENVIRONMENT else ():
            # Those of moto's own images too: they are hundreds, and listing them takes long.
            for held in (one.snapshots, one.volumes, one.reservations, one.tags):
                held.clear()
        self._image = image
        self.told: list[dict[str, Any]] = []

    def instance(self, *series: str | None) -> str:
        """An instance with a data volume for each series; None makes one without a tag."""
        run = self.here.run_instances(ImageId=self._image, MinCount=1, MaxCount=1)
        instance = run["Instances"][0]["InstanceId"]
        for letter, name in zip("fghijk", series, strict=False):
            volume = self.volume(name)
            self.here.attach_volume(VolumeId=volume, InstanceId=instance, Device=f"/dev/sd{letter}")
        return instance

    def volume(self, series: str | None) -> str:
        tags = [{"Key": VOLUME_TAG, "Value": series}] if series else []
        tags.append({"Key": ENVIRONMENT_TAG, "Value": self.environment})
        more = {"TagSpecifications": [{"ResourceType": "volume", "Tags": tags}]}
        return self.here.create_volume(Size=20, AvailabilityZone=f"{HERE}a", **more)["VolumeId"]

    def take(self, now: datetime) -> list[Exception]:
        return take(self.here, environment=self.environment, now=now, record=self.told.append)

    def copy(self) -> list[Exception]:
        to = Copies(ec2=self.there, from_region=HERE, key_arn="alias/k", policy=COPY_POLICY)
        return copy(self.here, to, environment=self.environment, record=self.told.append)

    def prune(self) -> list[Exception]:
        failures: list[Exception] = []
        for ec2, policy in ((self.here, POLICY), (self.there, COPY_POLICY)):
            failures += prune(ec2, policy, environment=self.environment, record=self.told.append)
        return failures

    def sets(self, region: str = HERE) -> list[SnapshotSet]:
        return find_sets(self.here if region == HERE else self.there, self.environment)

    def slots(self, region: str = HERE) -> list[tuple[str, datetime]]:
        return [(one.series, one.slot) for one in self.sets(region)]

    def state(self, snapshot_id: str, state: str, region: str = HERE) -> None:
        """moto completes snapshots at once; AWS takes minutes, and may fail."""
        ec2_backends[DEFAULT_ACCOUNT_ID][region].snapshots[snapshot_id].status = state

    def on(self, client: Any, event: str, handler: Callable[..., Any]) -> None:
        """Hook into a client until the test ends."""
        client.meta.events.register(event, handler)
        self._handlers.append((client, event, handler))

    def close(self) -> None:
        self.pulse.kill_at(None, after=False)
        for client, event, handler in self._handlers:
            client.meta.events.unregister(event, handler)

    def saved(self) -> dict[str, Any]:
        """The snapshots of both Regions as they are."""
        return {
            region: (dict(one.snapshots), {k: dict(v) for k, v in one.tags.items()})
            for region, one in self._backends()
        }

    def restore(self, saved: dict[str, Any]) -> None:
        for region, one in self._backends():
            snapshots, tags = saved[region]
            one.snapshots = dict(snapshots)
            one.tags.clear()
            one.tags.update({key: dict(value) for key, value in tags.items()})

    @staticmethod
    def _backends() -> list[tuple[str, Any]]:
        return [(region, ec2_backends[DEFAULT_ACCOUNT_ID][region]) for region in (HERE, THERE)]


@cache
def _clients() -> tuple[Any, Any, Pulse]:
    """Made once: a client takes longer to make than most tests to run."""
    pulse = Pulse()
    here, there = (pulse.watch(boto3.client("ec2", region_name=name)) for name in (HERE, THERE))
    return here, there, pulse


def hours(number: float) -> datetime:
    return START + timedelta(hours=number)


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    """An image in an account; moto takes seconds to make and list one, so the tests share it."""
    with mock_aws():
        ec2, _, _ = _clients()
        yield ec2.describe_images()["Images"][0]["ImageId"]


@pytest.fixture
def site(image: str) -> Iterator[Site]:
    """The account, emptied."""
    made = Site(image)
    yield made
    made.close()

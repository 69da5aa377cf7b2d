"""A prune deletes what the policy does not keep, and never the newest good set of a series."""

from __future__ import annotations

import itertools
import random
from datetime import timedelta

from functions.snapshot_job.pruning import doomed
from functions.snapshot_job.retention import Policy
from functions.snapshot_job.snapshot_sets import Snapshot, SnapshotSet
from tests.lambda_.snapshot_job.conftest import START, THERE, Site, hours


def test_keeps_what_the_policy_says(site: Site):
    site.instance("data", "data")
    for hour in range(6):
        site.take(hours(hour))
    assert site.prune() == []
    assert [slot for _, slot in site.slots()] == [hours(hour) for hour in (0, 3, 4, 5)]
    site.prune()
    assert len(site.slots()) == 4


def test_nothing_of_another_is_touched(site: Site):
    site.instance("data")
    site.here.create_snapshot(VolumeId=site.volume(None), Description="somebody's own")
    before = len(site.here.describe_snapshots(OwnerIds=["self"])["Snapshots"])
    for hour in range(6):
        site.take(hours(hour))
    site.prune()
    after = len(site.here.describe_snapshots(OwnerIds=["self"])["Snapshots"])
    assert after == before + 4


def test_a_series_without_a_good_set_loses_nothing(site: Site):
    site.instance("data")
    for hour in range(6):
        site.take(hours(hour))
    for one in site.sets():
        site.state(one.snapshots[0].id, "error")
    site.prune()
    assert len(site.sets()) == 6


def test_a_failed_set_goes_when_a_newer_one_is_good(site: Site):
    site.instance("data")
    site.take(hours(0))
    site.state(site.sets()[0].snapshots[0].id, "error")
    site.prune()
    assert len(site.sets()) == 1
    site.take(hours(1))
    site.prune()
    assert site.slots() == [("data", hours(1))]


def test_a_snapshot_in_use_is_named_and_the_others_go(site: Site):
    site.instance("data")
    for hour in range(6):
        site.take(hours(hour))
    held = site.sets()[1].snapshots[0].id
    site.here.register_image(
        Name="held",
        RootDeviceName="/dev/xvda",
        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": held}}],
    )
    site.prune()
    assert hours(2) not in [slot for _, slot in site.slots()]


_STATES = ("completed", "completed", "completed", "pending", "error")


def _random_sets(chance: random.Random) -> list[SnapshotSet]:
    sets = []
    for number in range(chance.randrange(1, 30)):
        size = chance.randrange(1, 3)
        there = size - (chance.random() < 0.1)
        sets.append(
            SnapshotSet(
                id=str(number),
                environment="production",
                series="data",
                slot=START + timedelta(hours=chance.randrange(2_000)),
                size=size,
                snapshots=tuple(
                    Snapshot(
                        id=f"{number}-{part}",
                        volume_id=str(part),
                        state=chance.choice(_STATES),
                        copy_of=None,
                        encrypted=True,
                    )
                    for part in range(there)
                ),
            )
        )
    return sets


def test_no_history_loses_its_newest_good_set_or_what_is_pending():
    chance = random.Random(11)
    for _ in range(200):
        sets = _random_sets(chance)
        counts = [chance.randrange(3) for _ in range(3)]
        policy = Policy(hourly=counts[0], daily=counts[1], weekly=counts[2], monthly=1)
        goes = doomed(policy, sets)
        good = [one for one in sets if one.good]
        if not good:
            assert goes == []
            continue
        newest = max(one.slot for one in good)
        assert any(one.slot == newest for one in good if one not in goes)
        assert not any(one.pending for one in goes)
        assert all(one.slot < newest for one in goes if one.lost)
        # Cut off after any deletion, the next run ends where this one would have.
        left = [one for one in sets if one not in goes]
        for done in range(len(goes)):
            rest = [one for one in sets if one not in goes[:done]]
            assert [o for o in rest if o not in doomed(policy, rest)] == left


def test_of_two_sets_of_one_slot_one_stays():
    twin = [
        SnapshotSet(
            id=name,
            environment="production",
            series="data",
            slot=START,
            size=1,
            snapshots=(
                Snapshot(id=name, volume_id="v", state="completed", copy_of=None, encrypted=True),
            ),
        )
        for name in ("a", "b")
    ]
    for order in itertools.permutations(twin):
        assert [one.id for one in doomed(Policy(daily=1), list(order))] == ["b"]


def test_two_environments_of_an_account_take_and_delete_their_own_alone(image):
    """Each has a volume of the series `follower`, and keeps other numbers of its snapshots."""
    production = Site(image)
    small = Site(image, "small")
    for one in (production, small):
        one.instance("follower")
    for hour in range(6):
        assert production.take(hours(hour)) == []
    assert small.take(hours(0)) == []
    assert [len(one.sets()) for one in (production, small)] == [6, 1]
    for one in (production, small):
        assert one.copy() == []
        assert one.prune() == []
    assert small.slots() == small.slots(THERE) == [("follower", hours(0))]
    kept = production.slots()
    assert len(kept) < 6
    assert small.prune() == []
    assert production.slots() == kept
    production.close()

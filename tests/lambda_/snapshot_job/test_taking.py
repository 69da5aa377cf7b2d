"""Sets are taken once an hour, of one moment, copied where they are wanted, and pruned.

moto ignores ExcludeDataVolumeIds, so what is asked of AWS is read from the request itself.
"""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.snapshot_job.ages import ages
from functions.snapshot_job.snapshot_sets import COPY_OF, VOLUME_TAG
from functions.snapshot_job.targets import AmbiguousSeriesError, find_targets
from tests.lambda_.snapshot_job.conftest import HERE, THERE, Site, hours


def test_takes_every_series_once_an_hour(site: Site):
    site.instance("follower")
    site.instance("delayed")
    for minutes in (0.0, 0.25, 0.75, 1.1):
        assert site.take(hours(minutes)) == []
    expected = [(series, hours(hour)) for hour in (0, 1) for series in ("delayed", "follower")]
    assert site.slots() == expected
    assert all(one.good for one in site.sets())


def test_the_volumes_of_one_instance_are_of_one_moment(site: Site):
    site.instance("data", "data")
    site.take(hours(0))
    (one,) = site.sets()
    assert one.size == 2
    assert len({snapshot.volume_id for snapshot in one.snapshots}) == 2


def test_neither_the_root_nor_another_data_volume_goes_along(site: Site):
    site.instance("data", None)
    asked: list[dict[str, Any]] = []
    site.on(
        site.here,
        "provide-client-params.ec2.CreateSnapshots",
        lambda params, **_: asked.append(params),
    )
    site.take(hours(0))
    ((target,), _) = find_targets(site.here, site.environment)
    (specification,) = [one["InstanceSpecification"] for one in asked]
    assert specification["ExcludeBootVolume"]
    assert specification["ExcludeDataVolumeIds"] == list(target.other_volume_ids)
    (other,) = target.other_volume_ids
    tags = site.here.describe_volumes(VolumeIds=[other])["Volumes"][0].get("Tags", [])
    assert VOLUME_TAG not in {tag["Key"] for tag in tags}


def test_a_volume_that_nothing_holds_is_taken_alone(site: Site):
    site.volume("loose")
    site.take(hours(0))
    assert site.slots() == [("loose", hours(0))]


def test_an_untagged_volume_and_an_empty_account_are_left_alone(site: Site):
    assert site.take(hours(0)) == []
    site.instance(None)
    assert site.take(hours(0)) == []
    assert site.sets() == []


def test_two_instances_of_one_series_are_named_and_the_others_taken(site: Site):
    site.instance("twice")
    site.instance("twice")
    site.instance("other")
    (problem,) = site.take(hours(0))
    assert isinstance(problem, AmbiguousSeriesError)
    assert "got 'twice' on vol-" in str(problem)
    assert site.slots() == [("other", hours(0))]


def test_a_pending_set_is_waited_for_and_a_failed_one_is_taken_again(site: Site):
    site.instance("data")
    site.take(hours(0))
    (one,) = site.sets()
    site.state(one.snapshots[0].id, "pending")
    site.take(hours(0.25))
    assert len(site.sets()) == 1
    site.state(one.snapshots[0].id, "error")
    site.take(hours(0.5))
    assert [s.good for s in site.sets()] == [False, True]


def test_the_second_region_gets_the_first_of_each_day_and_only_that(site: Site):
    site.instance("data", "data")
    for hour in (0, 1, 2, 24, 25, 48):
        site.take(hours(hour))
        assert site.copy() == []
        site.prune()
    assert site.slots(THERE) == [("data", hours(24)), ("data", hours(48))]
    of = {snapshot.copy_of for one in site.sets(THERE) for snapshot in one.snapshots}
    assert len(of) == 4
    assert all(snapshot.encrypted for one in site.sets(THERE) for snapshot in one.snapshots)


def test_nothing_is_copied_twice_and_nothing_that_is_pending(site: Site):
    site.instance("data")
    site.take(hours(0))
    (one,) = site.sets()
    site.state(one.snapshots[0].id, "pending")
    site.copy()
    assert site.sets(THERE) == []
    site.state(one.snapshots[0].id, "completed")
    site.copy()
    (copied,) = site.sets(THERE)
    site.state(copied.snapshots[0].id, "pending", THERE)
    site.copy()
    assert len(site.sets(THERE)) == 1


def test_a_copy_that_failed_is_made_again(site: Site):
    site.instance("data")
    site.take(hours(0))
    site.copy()
    (failed,) = site.sets(THERE)
    site.state(failed.snapshots[0].id, "error", THERE)
    site.copy()
    (again,) = site.sets(THERE)
    assert sorted(s.state for s in again.snapshots) == ["completed", "error"]
    assert again.good


def test_more_copies_than_at_once_are_left_to_the_next_run(site: Site):
    site.instance("data", "data")
    site.take(hours(0))
    made: list[str] = []

    def refuse_the_second(**_: Any) -> None:
        made.append("")
        if len(made) == 2:
            raise ClientError({"Error": {"Code": "ResourceLimitExceeded"}}, "CopySnapshot")

    site.on(site.there, "before-call.ec2.CopySnapshot", refuse_the_second)
    assert site.copy() == []
    assert [one.good for one in site.sets(THERE)] == [False]
    site.copy()
    assert [one.good for one in site.sets(THERE)] == [True]


def test_every_page_of_an_answer_counts(site: Site):
    site.instance("data")
    for hour in range(8):
        site.take(hours(hour))
    site.on(
        site.here,
        "before-parameter-build.ec2.DescribeSnapshots",
        lambda params, **_: params.update(MaxResults=5),
    )
    assert len(site.sets()) == 8


def test_what_was_never_snapshotted_grows_old_from_its_volume_s_birth(site: Site):
    site.instance("data")
    targets, _ = find_targets(site.here, site.environment)
    born = targets[0].created
    assert ages(targets, [], born.replace(microsecond=0)) == {"data": pytest.approx(0, abs=1)}
    site.take(hours(0))
    (one,) = site.sets()
    assert ages(targets, site.sets(), hours(3)) == {"data": 3 * 3600}
    site.state(one.snapshots[0].id, "pending")
    assert ages(targets, site.sets(), hours(3)) == {"data": (hours(3) - born).total_seconds()}


def test_copies_tell_what_they_are_of(site: Site):
    site.instance("data")
    site.take(hours(0))
    site.copy()
    found = site.there.describe_snapshots(
        OwnerIds=["self"], Filters=[{"Name": "tag-key", "Values": [COPY_OF]}]
    )["Snapshots"]
    assert len(found) == len(site.sets(HERE)) == 1

"""What the policy keeps: cases by hand, and laws that hold of every history."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from functions.snapshot_job.retention import Policy, kept, wanted


def _at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def test_the_first_of_each_period_is_kept_and_the_newest():
    times = [_at(1, hour) for hour in range(24)] + [_at(2, 0), _at(2, 5)]
    assert kept(Policy(hourly=1, daily=2), times) == {_at(1, 0), _at(2, 0), _at(2, 5)}


def test_a_job_that_stood_still_has_nothing_expire():
    times = [_at(1), _at(2), _at(28)]
    assert kept(Policy(daily=3), times) == set(times)


def test_weeks_are_iso_weeks_across_the_turn_of_the_year():
    monday, thursday = datetime(2026, 12, 28, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    assert wanted(Policy(weekly=5), [monday, thursday]) == {monday}
    assert wanted(Policy(monthly=5), [monday, thursday]) == {monday, thursday}


def test_of_nothing_nothing_is_kept():
    assert kept(Policy(daily=1), []) == set()


@pytest.mark.parametrize("wrong", [{"hourly": -1, "daily": 2}, {}])
def test_fails_on_a_policy_that_keeps_nothing(wrong):
    with pytest.raises(ValueError, match="should be"):
        Policy(**wrong)


def _histories():
    chance = random.Random(5)
    for _ in range(300):
        policy = Policy(
            hourly=chance.randrange(4),
            daily=chance.randrange(4),
            weekly=chance.randrange(3),
            monthly=chance.randrange(1, 3),
        )
        start = datetime(2026, chance.randrange(1, 13), 1, tzinfo=UTC)
        minutes = sorted(chance.randrange(120 * 24 * 60) for _ in range(chance.randrange(1, 80)))
        yield policy, [start + timedelta(minutes=minute) for minute in minutes]


def test_every_history_keeps_its_newest_and_no_more_than_the_policy_says():
    for policy, times in _histories():
        keep = kept(policy, times)
        assert max(times) in keep
        assert keep <= set(times)
        most = policy.hourly + policy.daily + policy.weekly + policy.monthly
        assert len(keep) <= most + 1


def test_a_prune_cut_off_anywhere_ends_as_one_that_was_not():
    chance = random.Random(6)
    for policy, times in _histories():
        keep = kept(policy, times)
        left = {at for at in times if at in keep or chance.random() < 0.5}
        assert kept(policy, left) == keep


def test_pruning_after_every_backup_keeps_what_pruning_once_would():
    for policy, times in _histories():
        held: set[datetime] = set()
        for at in times:
            held = kept(policy, held | {at})
        assert held == kept(policy, times)


def test_what_is_wanted_of_both_regions_is_kept_after_it_was_copied():
    """Or a copy would be deleted and made again, for ever."""
    chance = random.Random(8)
    for policy, times in _histories():
        ours = {at for at in times if chance.random() < 0.7}
        theirs = {at for at in times if chance.random() < 0.3}
        copied = theirs | (wanted(policy, ours | theirs) & ours)
        pruned = kept(policy, copied) if copied else set()
        again = wanted(policy, ours | pruned) & ours
        assert again <= pruned

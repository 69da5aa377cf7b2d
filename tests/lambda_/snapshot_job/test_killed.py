"""A run killed at every call, before and after AWS did what was asked, and run again, ends where
an undisturbed one ends."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.lambda_.snapshot_job.conftest import HERE, THERE, KilledError, Site, hours


def _history(site: Site) -> None:
    """An expired past in both Regions, so that the next run takes, copies and deletes."""
    site.instance("data", "data")
    site.volume("loose")
    for hour in (-72, -48, -24, 24):
        site.take(hours(hour))
        site.copy()


def _run(site: Site) -> None:
    site.take(hours(49))
    site.copy()
    site.prune()


def _end(site: Site) -> Any:
    return {
        region: sorted(
            (one.series, one.slot, one.size, len(one.snapshots), one.good)
            for one in site.sets(region)
        )
        for region in (HERE, THERE)
    }


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_every_call_and_run_again_ends_the_same(site: Site, after):
    _history(site)
    past = site.saved()
    _run(site)
    undisturbed = _end(site)
    assert [len(undisturbed[region]) for region in (HERE, THERE)] == [6, 4]
    _run(site)
    assert _end(site) == undisturbed, "a second run changed something"
    last = 0
    for last in itertools.count(1):
        site.restore(past)
        site.pulse.kill_at(last, after=after)
        try:
            _run(site)
        except KilledError:
            site.pulse.kill_at(None, after=after)
            _run(site)
            assert _end(site) == undisturbed, f"killed at call {last}"
        else:
            break
    assert last > 20, "the run made fewer calls than it has things to do"

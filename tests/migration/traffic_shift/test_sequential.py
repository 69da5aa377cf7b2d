"""The anytime-valid test: how often it cries wolf, and how soon it sees one."""

from __future__ import annotations

from math import erf, log, sqrt
from random import Random

import pytest

from migration.traffic_shift.sequential import NONE, gathered, limit, requests_to_detect, strength
from tests.migration.traffic_shift.simulated import of_new, successes

ALPHA = 0.05
RUNS, LOOKS, REQUESTS = 400, 100, 600
PERCENT = (1, 5, 10, 25, 50)
# Twelve kinds of answers, from what each third request gets to one in ten thousand.
RATES = (0.3, 0.1, 0.03, 0.01, 0.005, 0.002, 0.002, 0.001, 0.001, 0.0005, 0.0002, 0.0001)


def test_equal_chains_are_called_different_no_more_often_than_alpha():
    """Looked at 100 times, over twelve cells, while the weight rises: the whole shift's alarms.

    400 runs with a chance of exactly alpha would give more than 34 alarms once in 1,000 times.
    """
    chance, alarms = Random(11), 0
    for _ in range(RUNS):
        cells = [NONE] * len(RATES)
        for look in range(LOOKS):
            served = successes(chance, REQUESTS, PERCENT[look * len(PERCENT) // LOOKS] / 100)
            cells = [
                gathered(cell, answers=n, of_new=k, share=served / REQUESTS)
                for cell, (n, k) in zip(cells, _equal(chance, served), strict=True)
            ]
            if any(strength(cell) >= limit(rank, ALPHA) for rank, cell in enumerate(cells, 1)):
                alarms += 1
                break
    assert alarms <= 34


def _equal(chance, served):
    """For each rate, the answers of a window and those of the new chain, were both alike."""
    for rate in RATES:
        answers = successes(chance, REQUESTS, rate)
        new = of_new(chance, answers=answers, served=served, requests=REQUESTS)
        yield answers, new


def test_a_test_made_for_one_look_cries_wolf_where_this_one_does_not():
    """Simulated likewise, a z-test repeated at each look raises false alarms: it can fail."""
    chance, alarms = Random(11), 0
    for _ in range(100):
        answers = new = 0
        served = total = 0
        for _ in range(LOOKS):
            now = successes(chance, REQUESTS, 0.05)
            n = successes(chance, REQUESTS, 0.01)
            new += of_new(chance, answers=n, served=now, requests=REQUESTS)
            answers, served, total = answers + n, served + now, total + REQUESTS
            if _one_sided_p(new, served, answers - new, total - served) < ALPHA:
                alarms += 1
                break
    assert alarms > 100 * 2 * ALPHA


def _one_sided_p(new: int, served_new: int, old: int, served_old: int) -> float:
    rate = (new + old) / (served_new + served_old)
    error = sqrt(rate * (1 - rate) * (1 / served_new + 1 / served_old)) or 1.0
    return 0.5 * (1 - erf((new / served_new - old / served_old) / error / sqrt(2)))


@pytest.mark.parametrize("percent", PERCENT)
@pytest.mark.parametrize(("rate", "ratio"), [(0.002, 5.0), (0.002, 2.0), (0.0005, 5.0)])
def test_a_rise_is_found_within_the_requests_that_a_step_lasts(percent, rate, ratio):
    """In nine runs of ten or more: fewer than 28 of 36 found has a chance below one in 100."""
    chance, share = Random(percent), percent / 100
    bound = requests_to_detect(share=share, rate=rate, ratio=ratio, alpha=0.005)
    runs, looks, found = 36, 50, 0
    for _ in range(runs):
        cell = NONE
        for _ in range(looks):
            served = successes(chance, bound // looks, share)
            new = successes(chance, served, rate * ratio)
            old = successes(chance, bound // looks - served, rate)
            part = served / (bound // looks)
            cell = gathered(cell, answers=new + old, of_new=new, share=part)
            if strength(cell) >= limit(100, 0.005):
                found += 1
                break
    assert found >= 28


def test_a_shape_that_always_fails_on_the_new_chain_alone_is_found_at_its_fourth_failure():
    cell, failures = NONE, 0
    while strength(cell) < limit(1, 0.005):
        cell, failures = gathered(cell, answers=1, of_new=1, share=0.05), failures + 1
    assert failures <= 4


def test_fewer_failures_than_before_are_no_finding():
    cell = NONE
    for _ in range(1_000):
        cell = gathered(cell, answers=50, of_new=0, share=0.5)
    assert strength(cell) < 0


def test_the_factor_of_a_window_is_one_on_average_when_the_chains_are_alike():
    """Exactly, over every way in which a draw without replacement can fall."""
    from math import comb, exp

    requests, served, answers = 40, 6, 15
    mean = sum(
        comb(served, k)
        * comb(requests - served, answers - k)
        / comb(requests, answers)
        * exp(strength(gathered(NONE, answers=answers, of_new=k, share=served / requests)))
        for k in range(min(served, answers) + 1)
    )
    assert 0 < mean <= 1


@pytest.mark.parametrize("share", [0, 1])
def test_a_window_that_one_chain_served_alone_says_nothing(share):
    before = gathered(NONE, answers=10, of_new=5, share=0.3)
    assert gathered(before, answers=7, of_new=7 * share, share=share) == before


def test_the_limits_of_all_cells_there_can_be_share_one_alpha():
    spent = sum(2.718281828459045 ** -limit(rank, ALPHA) for rank in range(1, 100_000))
    assert spent == pytest.approx(ALPHA, rel=1e-4)
    assert limit(1, ALPHA) == pytest.approx(log(2 / ALPHA))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"answers": 1, "of_new": 2, "share": 0.5}, "'of_new' should be 0 to 1, the answers"),
        ({"answers": 1, "of_new": -1, "share": 0.5}, "'of_new' should be 0 to 1"),
        ({"answers": 1, "of_new": 1, "share": 1.5}, "'share' should be 0 to 1, got 1.5"),
    ],
)
def test_fails_on_counts_that_cannot_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        gathered(NONE, **arguments)


@pytest.mark.parametrize(("rank", "alpha"), [(0, 0.01), (1, 0), (1, 1)])
def test_fails_on_a_limit_outside_its_range(rank, alpha):
    with pytest.raises(ValueError, match="should be"):
        limit(rank, alpha)

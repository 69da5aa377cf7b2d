"""The pace, in a time of its own: a quota below what is asked for is used, and hardly exceeded."""

from __future__ import annotations

import heapq

import pytest

from doubles.ebs_direct.faults import Quota
from doubles.ebs_direct.http import ServiceError
from functions.block_archive.pace import Pace

SECONDS = 30.0
WARM_UP = 3.0  # the first overshoot teaches the quota


class Hours:
    """A clock that stands still until it is moved."""

    def __init__(self):
        self.now = 1000.0
        self.slept = 0.0

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.slept = seconds


def simulated(budget, quota, *, workers=16, latency=0.02, pause=0.0, every=2.0):
    """Shares of the quota that were used and of the calls that were throttled, after a warm-up."""
    time = Hours()
    pace = Pace(budget, clock=time.clock, sleep=time.sleep)
    limit = Quota(quota, time.clock, burst=10)
    end, passed, throttled = time.now + SECONDS, 0, 0
    # Each worker in turn: at what time it does what next.
    due = [(time.now, worker, "wait") for worker in range(workers)]
    heapq.heapify(due)
    while due and due[0][0] < end:
        at, worker, act = heapq.heappop(due)
        if at % every >= every - pause:  # the whole process is held up
            at += every - at % every
        time.now = max(time.now, at)
        counted = time.now > end - SECONDS + WARM_UP
        if act == "wait":
            time.slept = 0.0
            pace.wait()
            heapq.heappush(due, (time.now + time.slept, worker, "call"))
            continue
        try:
            limit.take()
        except ServiceError:
            pace.throttled()
            throttled += counted
            heapq.heappush(due, (time.now + latency + 0.15, worker, "wait"))
        else:
            pace.succeeded()
            passed += counted
            heapq.heappush(due, (time.now + latency, worker, "wait"))
    return passed / quota / (SECONDS - WARM_UP), throttled / (passed + throttled)


@pytest.mark.parametrize(("budget", "quota"), [(800, 400), (500, 400), (800, 100), (1000, 900)])
def test_a_quota_below_the_budget_is_used_and_hardly_exceeded(budget, quota):
    used, throttled = simulated(budget, quota, workers=32)
    assert used >= 0.95
    assert throttled <= 0.02


def test_a_budget_below_the_quota_is_kept_and_never_throttled():
    used, throttled = simulated(200, 400, workers=32)
    assert used == pytest.approx(0.5, abs=0.02)
    assert throttled == 0


def test_a_process_that_is_held_up_does_not_slow_down_for_good():
    """Catching up is refused a little; a pause is not the service's limit."""
    used, throttled = simulated(800, 400, pause=0.3)
    assert used >= 0.5
    assert throttled <= 0.03


def test_a_rate_that_is_none_is_refused():
    with pytest.raises(ValueError, match="'per_second' should be above 0, got 0"):
        Pace(0)

"""Paces the requests for blocks: within a budget, and below it as the service allows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

# A cut of 4 % leaves the use of the quota above 95 %; it is made once per interval, since one
# overshoot throttles several calls that were under way.
_CUT = 0.96
_INTERVAL_SECONDS = 0.25
# Twice as slow to rise as needed to come back within the interval, so that few probes overshoot.
_RISE_PER_SECOND = 0.008
# A few refusals in a bunch are no limit: a process that was held up is refused when it catches up.
_TOLERATED = 0.01  # of the calls of a second
# For the same reason the way back to the rate before the cut is fast, up to just below it.
_NEAR = 0.97
_RISE_BACK_PER_SECOND = 0.25
_BURST_SECONDS = 0.02  # how much of a pause may be caught up


class Pace:
    """Calls per second, shared by every thread of a process.

    The rate begins at the budget. When a call is throttled it falls to what the service let pass,
    then rises slowly: additive increase, multiplicative decrease.
    """

    def __init__(
        self,
        per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if per_second <= 0:
            raise ValueError(f"'per_second' should be above 0, got {per_second}")
        self.budget = self.rate = float(per_second)
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._next = self._changed = self._cut = clock()
        self._refused: list[float] = []  # times of the calls that were not, of a second
        self._best = 0.0  # the rate before the last cut
        self._passed: list[float] = []  # times of the last calls that were let pass

    def wait(self) -> None:
        """Return when it is this call's turn."""
        with self._lock:
            now = self._clock()
            self._rise(now)
            turn = max(self._next, now - _BURST_SECONDS)
            self._next = turn + 1 / self.rate
        if turn > now:
            self._sleep(turn - now)

    def succeeded(self) -> None:
        """A call was let pass."""
        with self._lock:
            now = self._clock()
            self._passed.append(now)
            if len(self._passed) > 2 * self.budget + 16:
                del self._passed[: len(self._passed) // 2]

    def throttled(self) -> None:
        """A call was not let pass: go below what was."""
        with self._lock:
            now = self._clock()
            self._refused = [at for at in self._refused if at > now - 1] + [now]
            passed = sum(at > now - 1 for at in self._passed[-1024:])
            if now - self._cut < _INTERVAL_SECONDS or len(self._refused) <= _TOLERATED * passed:
                return
            self._cut = now
            self._rise(now)
            self._best, allowed = self.rate, self._allowed(now)
            self.rate = max(1.0, min(self.rate, allowed) * _CUT)
            # Those that are under way still come; nothing new until the service has caught up.
            self._next = max(self._next, now + _INTERVAL_SECONDS / 4)

    def _allowed(self, now: float) -> float:
        """Calls per second that were let pass in the last second."""
        recent = [at for at in self._passed if at > now - 1]
        if len(recent) < 8 or now - recent[0] < 0.05:
            return self.rate / 2
        return len(recent) / (now - recent[0])

    def _rise(self, now: float) -> None:
        near = self.rate >= _NEAR * self._best
        rise = _RISE_PER_SECOND if near else _RISE_BACK_PER_SECOND
        self.rate = min(self.budget, self.rate * (1 + rise * (now - self._changed)))
        self._changed = now

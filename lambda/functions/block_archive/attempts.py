"""Retries a call: five requests at most, with growing pauses, within the allowed pace."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from functions.block_archive.errors import ArchiveError, HiddenError, ThrottledError, TransientError
from functions.block_archive.pace import Pace

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Attempts:
    """The budget of one call. Waits are drawn from 0 to the bound, so that callers spread."""

    requests: int = 5  # for one that fails
    first_wait_seconds: float = 0.2  # doubled each time
    longest_wait_seconds: float = 5.0
    throttled_seconds: float = 120.0  # how long throttling may go on without one success
    hidden_seconds: float = 120.0  # until a new snapshot is seen by everybody
    hidden_requests: int = 60
    sleep: Callable[[float], None] = time.sleep

    def call(
        self,
        what: str,
        function: Callable[[], T],
        *,
        pace: Pace | None = None,
        counted: Callable[[str], None] = lambda _: None,
    ) -> T:
        """The function's result. Raises ArchiveError naming the call when the budget is spent."""
        failed, throttled, hidden, since = 0, 0, 0, time.monotonic()
        while True:
            if pace is not None:
                pace.wait()
            try:
                result = function()
            except ThrottledError as error:
                counted("throttled")
                throttled += 1
                if pace is not None:
                    pace.throttled()
                if time.monotonic() - since > self.throttled_seconds:
                    raise ArchiveError(
                        f"throttled for {self.throttled_seconds:g} s: {error}"
                    ) from error
                self._wait(throttled, self.first_wait_seconds / 4)  # the pace slows down besides
            except HiddenError as error:
                hidden += 1
                if time.monotonic() - since > self.hidden_seconds or hidden > self.hidden_requests:
                    raise ArchiveError(f"{what}: {error}") from error
                self._wait(hidden)
            except TransientError as error:
                counted("failed")
                failed += 1
                if failed == self.requests:
                    raise ArchiveError(f"{what} failed {failed} times, last: {error}") from error
                self._wait(failed)
            else:
                if pace is not None:
                    pace.succeeded()
                return result

    def _wait(self, times: int, first: float | None = None) -> None:
        first = self.first_wait_seconds if first is None else first
        bound = min(self.longest_wait_seconds, first * 2 ** min(times - 1, 16))
        self.sleep(random.uniform(bound / 2, bound))

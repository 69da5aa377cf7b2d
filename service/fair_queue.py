"""Turns for work of which little can be done at once; one that would come late is refused."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager

# The weight of the newest turn in the time that one is expected to take.
_WEIGHT = 0.2


class BusyError(Exception):
    """The work would wait for longer than a request may."""


class Places:
    """At most `most` places for each key; BusyError where no more is free."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[Hashable] = Counter()

    @contextmanager
    def hold(self, key: Hashable) -> Iterator[None]:
        if self._taken[key] >= self._most:
            raise BusyError
        self._taken[key] += 1
        try:
            yield
        finally:
            self._taken[key] -= 1
            if not self._taken[key]:
                del self._taken[key]


class FairQueue:
    """Turns for work, at most `at_once`; a key that floods the queue waits for itself alone.

    Nobody waits for longer than `wait_seconds`, as far as the turns of late took: who would is
    refused at once. `seconds_each` is how long a turn takes until that is measured.
    """

    def __init__(self, *, at_once: int, wait_seconds: float, seconds_each: float) -> None:
        self._at_once = at_once
        self._wait_seconds = wait_seconds
        self._seconds_each = seconds_each
        self._places: Counter[Hashable] = Counter()
        self._waiting: OrderedDict[Hashable, deque[asyncio.Future[None]]] = OrderedDict()
        self._running = 0

    def wait(self, key: Hashable) -> float:
        """Return how many seconds `key` would wait for another turn."""
        own = self._places[key]
        others = (min(taken, own + 1) for each, taken in self._places.items() if each != key)
        return (own + sum(others)) * self._seconds_each / self._at_once

    @asynccontextmanager
    async def turn(self, key: Hashable) -> AsyncIterator[None]:
        """Wait for a turn of `key` and hold it; BusyError where it would come too late."""
        if self.wait(key) > self._wait_seconds:
            raise BusyError
        self._places[key] += 1
        try:
            await self._begin(key)
            began = time.monotonic()
            try:
                yield
            finally:
                self._seconds_each += _WEIGHT * (time.monotonic() - began - self._seconds_each)
                self._end()
        finally:
            self._places[key] -= 1
            if not self._places[key]:
                del self._places[key]

    async def _begin(self, key: Hashable) -> None:
        if self._running < self._at_once:
            self._running += 1
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, deque()).append(granted)
        try:
            await granted  # by `_end`, which leaves the turn counted as running
        except asyncio.CancelledError:
            if not granted.cancelled():
                self._end()
            raise

    def _end(self) -> None:
        """Give the turn to the next key, and to the one who waits longest there."""
        while self._waiting:
            key, queue = self._waiting.popitem(last=False)
            granted = queue.popleft()
            if queue:
                self._waiting[key] = queue  # behind the others
            if not granted.done():  # else whoever waited has left
                granted.set_result(None)
                return
        self._running -= 1

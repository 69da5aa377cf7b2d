"""Work in a few threads, by turns of who asks, refused at once where it would wait too long."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

# The weight of the newest piece of work in the time that one is expected to take.
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
    """A tenant that floods it waits for itself alone; `wait_seconds` bounds everybody's wait."""

    def __init__(self, *, threads: int, wait_seconds: float, seconds_each: float) -> None:
        self.threads = threads
        self._wait_seconds = wait_seconds
        self._seconds_each = seconds_each
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="queue")
        self._places: Counter[Hashable] = Counter()
        self._waiting: OrderedDict[Hashable, deque[_Work]] = OrderedDict()
        self._running = 0

    def wait(self, key: Hashable) -> float:
        """Return how many seconds a new piece of work of `key` would wait."""
        own = self._places[key]
        others = (min(taken, own + 1) for each, taken in self._places.items() if each != key)
        return (own + sum(others)) * self._seconds_each / self.threads

    @contextmanager
    def place(self, key: Hashable) -> Iterator[None]:
        """Hold a place for work that is about to be done; BusyError where it would wait too long.

        A request takes it before it asks any store, so that a refusal costs nothing.
        """
        if self.wait(key) > self._wait_seconds:
            raise BusyError
        self._places[key] += 1
        try:
            yield
        finally:
            self._places[key] -= 1
            if not self._places[key]:
                del self._places[key]

    async def run(self, key: Hashable, work: Callable[[], T]) -> T:
        """Return what `work` returns, in a thread, when it is the turn of `key`."""
        asked = _Work(work)
        self._waiting.setdefault(key, deque()).append(asked)
        self._dispatch()
        return await asked.done

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _dispatch(self) -> None:
        while self._running < self.threads and self._waiting:
            key, queue = self._waiting.popitem(last=False)
            work = queue.popleft()
            if queue:
                self._waiting[key] = queue  # behind the others
            if not work.done.done():  # whoever asked may have left
                self._running += 1
                task = asyncio.get_running_loop().run_in_executor(self._pool, work.run)
                task.add_done_callback(lambda task, work=work: self._finish(work, task))

    def _finish(self, work: _Work, task: asyncio.Future[Any]) -> None:
        self._running -= 1
        if not task.cancelled():
            error = task.exception()
            self._seconds_each += _WEIGHT * (work.seconds - self._seconds_each)
            if not work.done.done():
                if error is None:
                    work.done.set_result(task.result())
                else:
                    work.done.set_exception(error)
        self._dispatch()


class _Work:
    """A piece of work, and who waits for it."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self.seconds = 0.0
        self.done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def run(self) -> Any:
        began = time.monotonic()
        try:
            return self._work()
        finally:
            self.seconds = time.monotonic() - began

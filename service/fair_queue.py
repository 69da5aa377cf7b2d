"""Turns for work of which little can be done at once; one that would come late is refused."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager

# The weight of the newest turn in the time that one is expected to take.
_WEIGHT = 0.2


class BusyError(Exception):
    """The work would wait for longer than a request may."""


class Places:
    """Places that are held while work is under way, at most so many of each key."""

    def __init__(self) -> None:
        self._taken: dict[Hashable, int] = {}

    @contextmanager
    def hold(self, *wanted: tuple[Hashable, int]) -> Iterator[None]:
        """Hold a place of each of these keys; BusyError where one has as many as it may."""
        taken = self._taken
        for key, most in wanted:
            if taken.get(key, 0) >= most:
                raise BusyError
        for key, _ in wanted:
            taken[key] = taken.get(key, 0) + 1
        try:
            yield
        finally:
            for key, _ in wanted:
                taken[key] -= 1
                if not taken[key]:
                    del taken[key]


class _Node:
    """A key holds these places, all that is below it included, and has these waiters."""

    def __init__(self) -> None:
        self.places = 0
        self.children: OrderedDict[Hashable, _Node] = OrderedDict()
        self.waiting: deque[asyncio.Future[None]] = deque()

    def next(self) -> asyncio.Future[None] | None:
        """Return who waits longest under the key whose turn it is, which goes behind the others."""
        if self.waiting:
            return self.waiting.popleft()
        for key, child in self.children.items():
            if (found := child.next()) is not None:
                self.children.move_to_end(key)
                return found
        return None


class FairQueue:
    """Turns for work, at most `at_once`, by paths of keys such as a tenant and its client.

    The keys of a level take turns, so one that floods the queue waits for itself alone. Nobody
    waits for longer than `wait_seconds`: who would, as long as turns took of late, is refused at
    once. `seconds_each` is how long a turn takes until that is measured.
    """

    def __init__(self, *, at_once: int, wait_seconds: float, seconds_each: float) -> None:
        self._at_once = at_once
        self._wait_seconds = wait_seconds
        self._seconds_each = seconds_each
        self._root = _Node()
        self._running = 0

    def wait(self, *path: Hashable) -> float:
        """Return how many seconds another turn of this path would be waited for."""
        nodes: list[_Node] = [self._root]
        for key in path:
            nodes.append(nodes[-1].children.get(key) or _Node())
        ahead = nodes[-1].places
        for parent, child in reversed(list(zip(nodes, nodes[1:], strict=False))):
            others = (each.places for each in parent.children.values() if each is not child)
            ahead += sum(min(places, ahead + 1) for places in others)
        return ahead * self._seconds_each / self._at_once

    @asynccontextmanager
    async def turn(self, *path: Hashable) -> AsyncIterator[None]:
        """Wait for a turn of this path and hold it; BusyError where it would come too late."""
        if self.wait(*path) > self._wait_seconds:
            raise BusyError
        node = self._root
        for key in path:
            node = node.children.setdefault(key, _Node())
            node.places += 1
        try:
            await self._begin(node)
            began = time.monotonic()
            try:
                yield
            finally:
                self._seconds_each += _WEIGHT * (time.monotonic() - began - self._seconds_each)
                self._end()
        finally:
            self._leave(path)

    async def _begin(self, node: _Node) -> None:
        if self._running < self._at_once:
            self._running += 1
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        node.waiting.append(granted)
        # By `_end`, which leaves the turn counted as running.
        try:
            done, _ = await asyncio.wait([granted], timeout=self._wait_seconds)
        except asyncio.CancelledError:
            if not granted.cancel():
                self._end()
            raise
        if not done and granted.cancel():
            raise BusyError  # the turns before it took longer than those of late

    def _end(self) -> None:
        while (granted := self._root.next()) is not None:
            if not granted.done():  # else whoever waited has left
                granted.set_result(None)
                return
        self._running -= 1

    def _leave(self, path: tuple[Hashable, ...]) -> None:
        node = self._root
        for key in path:
            child = node.children[key]
            child.places -= 1
            if not child.places:
                del node.children[key]
            node = child

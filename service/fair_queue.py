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
    """Places for each key, at most `most`; BusyError where no more is free."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[Hashable] = Counter()

    @contextmanager
    def hold(self, key: Hashable, most: int | None = None) -> Iterator[None]:
        if self._taken[key] >= (most or self._most):
            raise BusyError
        self._taken[key] += 1
        try:
            yield
        finally:
            self._taken[key] -= 1
            if not self._taken[key]:
                del self._taken[key]


class _Node:
    """What one key holds, all that is below it included, and who waits there."""

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
    waits for longer than `wait_seconds`, as far as the turns of late took: who would is refused at
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
        try:
            await granted  # by `_end`, which leaves the turn counted as running
        except asyncio.CancelledError:
            if not granted.cancelled():
                self._end()
            raise

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

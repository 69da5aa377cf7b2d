"""Answers that are remembered for a while."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_REMEMBERED_MAX = 50_000


class Recent(Generic[T]):
    """The most recent answers, each with when it was true."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[T, float]] = OrderedDict()

    def newer_than(self, key: Hashable, since: float) -> T | None:
        found = self._kept.get(key)
        return found[0] if found is not None and found[1] > since else None

    def keep(self, key: Hashable, value: T, now: float) -> None:
        self._kept[key] = value, now
        self._kept.move_to_end(key)
        if len(self._kept) > _REMEMBERED_MAX:
            self._kept.popitem(last=False)

    def forget(self, key: Hashable) -> None:
        self._kept.pop(key, None)

    def drop(self, which: Callable[[T], bool]) -> None:
        for key in [key for key, (value, _) in self._kept.items() if which(value)]:
            del self._kept[key]


class Remembered(Generic[T]):
    """The last answers of a question, by what it is about, for `seconds`; None is not remembered.

    Many who ask at once, as those of a burst do a new process, cause one question.
    """

    def __init__(self, ask: Callable[..., Coroutine[Any, Any, T]], *, seconds: float) -> None:
        self._ask = ask
        self._seconds = seconds
        self._answers: Recent[T] = Recent()
        self._asking: dict[Hashable, asyncio.Task[T]] = {}

    async def get(self, *about: Hashable) -> T:
        known = self._answers.newer_than(about, time.monotonic() - self._seconds)
        if known is not None:
            return known
        if (asking := self._asking.get(about)) is None:
            asking = self._asking[about] = asyncio.create_task(self._asked(about))
            asking.add_done_callback(lambda asked: asked.cancelled() or asked.exception())
        return await asyncio.shield(asking)

    async def _asked(self, about: tuple[Hashable, ...]) -> T:
        try:
            answer = await self._ask(*about)
        finally:
            del self._asking[about]
        if answer is not None:
            self._answers.keep(about, answer, time.monotonic())
        return answer

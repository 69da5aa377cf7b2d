"""Work on other threads, a bounded way ahead of where its results are used, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def ahead(pool: Executor, function: Callable[[T], R], of: Iterable[T], window: int) -> Iterator[R]:
    """function(one) of each, in order, with at most `window` under way or waiting to be used.

    What one of them raises is raised here, in its turn; the rest is not begun.
    """
    waiting: deque[Future[R]] = deque()
    rest = iter(of)
    try:
        while True:
            for one in rest:
                waiting.append(pool.submit(function, one))
                if len(waiting) == window:
                    break
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        for work in waiting:
            work.cancel()

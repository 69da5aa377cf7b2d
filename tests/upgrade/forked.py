"""Work done in children of this process, each of which begins with all that it has made.

Memory is copied when it is written, so that an account is made once and spoilt in each child alone.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

Item = TypeVar("Item")


class ChildDiedError(Exception):
    """A child ended without an answer; what it printed is the reason."""


def in_children(
    work: Callable[[Item], Any], items: Iterable[Item], *, at_once: int
) -> Iterator[tuple[Item, Any]]:
    """`work(item)` in a child for each item, at most `at_once` of them; as they end.

    To be called where no other thread runs: a child has none but the one that asked for it.
    """
    fork = multiprocessing.get_context("fork")
    waiting, running = deque(items), dict[Connection, tuple[BaseProcess, Item]]()
    while waiting or running:
        while waiting and len(running) < at_once:
            item = waiting.popleft()
            ours, theirs = fork.Pipe(duplex=False)
            child = fork.Process(target=_answer, args=(theirs, work, item))
            child.start()
            theirs.close()
            running[ours] = (child, item)
        for ours in list(wait(list(running))):
            assert isinstance(ours, Connection)
            child, item = running.pop(ours)
            try:
                answer = ours.recv()
            except EOFError:
                raise ChildDiedError(f"no answer for {item}") from None
            finally:
                child.join()
            yield item, answer


def _answer(theirs: Connection, work: Callable[[Item], Any], item: Item) -> None:
    theirs.send(work(item))
    theirs.close()

"""Threads that write to a server until they are stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Self

import psycopg


class Writers:
    """Run each of `loops` in a thread of its own, from enter to exit.

    A loop ends soon after `over` is set. An error of PostgreSQL ends its loop, and `check` raises
    it; with `until_killed` the loss of the server is no error.
    """

    def __init__(self, loops: Sequence[Callable[[], None]], *, until_killed: bool = False) -> None:
        self.over = threading.Event()
        self._until_killed = until_killed
        self._failures: list[Exception] = []
        self._threads = [threading.Thread(target=self._run, args=(loop,)) for loop in loops]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the writers; raise what one of them met."""
        self.over.set()
        for thread in self._threads:
            thread.join()
        self.check()

    def check(self) -> None:
        """Raise what one of the writers met."""
        if self._failures:
            raise self._failures[0]

    def _run(self, loop: Callable[[], None]) -> None:
        try:
            loop()
        except psycopg.Error as error:
            if not (self._until_killed and isinstance(error, psycopg.OperationalError)):
                self._failures.append(error)

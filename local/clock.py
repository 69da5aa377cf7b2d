"""Prints the progress of a command."""

from __future__ import annotations

import time


class Clock:
    """Prints what begins, with the seconds since the command began."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start

    def step(self, words: str) -> None:
        print(f"[{self.seconds:6.1f} s] {words}", flush=True)

    def detail(self, words: str) -> None:
        print(f"           {words.strip()}", flush=True)

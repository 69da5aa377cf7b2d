"""A bar on standard error, for a person who waits."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

_WIDTH = 30  # characters
_EVERY_SECONDS = 0.2
_BLOCKS_PER_MIB = 2


class Bar:
    """Advanced from many threads; silent where nobody looks."""

    def __init__(
        self,
        unit: str,
        *,
        shown: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._unit, self._clock = unit, clock
        self._shown = sys.stderr.isatty() if shown is None else shown
        self._lock = threading.Lock()
        self._began, self._drawn = clock(), 0.0
        self._done = 0

    def add(self, number: int) -> None:
        """So many more; how many there will be is not known."""
        with self._lock:
            self._done += number
            self._draw(f"{self._done} {self._unit}{self._speed()}")

    def at(self, done: int, total: int) -> None:
        """So many of so many."""
        with self._lock:
            self._done = done
            filled = _WIDTH * done // max(total, 1)
            bar = "#" * filled + "-" * (_WIDTH - filled)
            self._draw(f"[{bar}] {done} of {total} {self._unit}", last=done == total)

    def end(self) -> None:
        """Leave the line."""
        if self._shown and self._drawn:
            sys.stderr.write("\n")

    def _speed(self) -> str:
        seconds = self._clock() - self._began
        if self._unit != "blocks" or seconds < 1:
            return ""
        return f", {self._done / _BLOCKS_PER_MIB / seconds:.0f} MiB/s"

    def _draw(self, text: str, *, last: bool = False) -> None:
        now = self._clock()
        if self._shown and (last or now - self._drawn >= _EVERY_SECONDS or not self._drawn):
            self._drawn = now
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()


def bar(unit: str, *, forced: bool) -> Bar:
    """Shown on a terminal, or where it is asked for."""
    return Bar(unit, shown=True if forced else None)

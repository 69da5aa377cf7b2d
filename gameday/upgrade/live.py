"""The table that a person watches: on a terminal redrawn, elsewhere a line every 5 seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO

from gameday.upgrade import measures
from gameday.upgrade.attempts import KINDS, OUTCOMES, Attempt

_EVERY_SECONDS = {True: 1.0, False: 5.0}  # on a terminal, and elsewhere


class Progress:
    """A file of all that a deploy prints; its lines with seconds are shown as well."""

    def __init__(self, file: Path, out: TextIO) -> None:
        self._file, self._out = file, out

    def write(self, text: str) -> int:
        with self._file.open("a") as file:
            file.write(text)
        if text.startswith("["):
            self._out.write(text if text.endswith("\n") else f"{text}\n")
        return len(text)

    def flush(self) -> None:
        self._out.flush()


class Live:
    """`out` is what a person looks at."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._terminal = out.isatty()
        self._began = time.monotonic()
        self._shown = 0.0
        self._drawn = 0
        self._new: list[Attempt] = []
        self._all: list[Attempt] = []

    def print(self, words: str) -> None:
        """A line of its own, which stays."""
        self._drawn = 0
        self._out.write(f"[{time.monotonic() - self._began:6.1f} s] {words}\n")
        self._out.flush()

    def show(self, step: str, seconds: float, new: Iterable[Attempt]) -> None:
        """Draw what is under way and for how long, when it is time to."""
        self._new += new
        now = time.monotonic()
        if now - self._shown < _EVERY_SECONDS[self._terminal]:
            return
        self._shown = now
        self._all += self._new
        if self._terminal:
            self._draw(self._table(step, seconds))
        else:
            self.print(f"{step:28} {seconds:5.1f} s   {self._line()}")
        self._new = []

    def _table(self, step: str, seconds: float) -> list[str]:
        now, ever = measures.counted(self._new), measures.counted(self._all)
        took = measures.times(self._new)
        title = "".join(f"{outcome:>9}" for outcome in OUTCOMES)
        lines = [f"{step}, {seconds:.0f} s", f"{'':8}{title}   {'this second':>14}   median"]
        for kind in KINDS:
            total = "".join(f"{ever[kind][outcome]:9,}" for outcome in OUTCOMES)
            last = "/".join(str(now[kind][outcome]) for outcome in OUTCOMES)
            median = f"{took[kind]['median']:6.2f} s" if kind in took else ""
            lines.append(f"{kind:8}{total}   {last:>14}   {median}")
        return lines

    def _line(self) -> str:
        """ok/refused/failed of each kind since the last line."""
        now = measures.counted(self._new)
        return "  ".join(
            f"{kind} {'/'.join(str(now[kind][outcome]) for outcome in OUTCOMES)}" for kind in KINDS
        )

    def _draw(self, lines: Sequence[str]) -> None:
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        self._out.write(up + "".join(f"\x1b[2K{line}\n" for line in lines))
        self._out.flush()
        self._drawn = len(lines)

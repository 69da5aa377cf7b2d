"""CPU seconds of whole trees of processes, from /proc."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(roots: Iterable[int]) -> float:
    """User and system time of the processes, of their living descendants, and of those reaped."""
    stats = dict(_stats())
    children = defaultdict(list)
    for pid, fields in stats.items():
        children[int(fields[1])].append(pid)
    ticks, waiting = 0, list(roots)
    while waiting:
        pid = waiting.pop()
        if pid in stats:
            # utime, stime, cutime and cstime of proc(5), counted from the state field.
            ticks += sum(map(int, stats[pid][11:15]))
            waiting += children[pid]
    return ticks / _TICKS


def nanoseconds(root: int) -> int:
    """Return the time on a CPU of a process and its children, which have one thread each.

    The scheduler's own count: the ticks of `cpu_seconds` are too coarse for a second's load.
    """
    children = (Path(f"/proc/{root}/task/{root}/children")).read_text().split()
    return sum(
        int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in [root, *children]
    )


def _stats() -> Iterable[tuple[int, list[str]]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                yield int(entry.name), (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has ended

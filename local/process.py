"""Processes of the local target: each is marked, so that none can be left behind unseen."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

# Every process that is started here carries this variable, and so do its children.
MARK = "MAINSTAY_LOCAL"

_GRACE_SECONDS = 5


def start(
    command: Sequence[str],
    *,
    folder: Path,
    log: Path,
    variables: Mapping[str, str],
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own; a terminal's Ctrl-C does not reach it.

    `folder` is the local target's, the value of the mark; what the process prints is added to
    `log`. `variables` is the whole environment but for the mark.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        return subprocess.Popen(
            command,
            cwd=cwd,
            env={**variables, MARK: str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def marked(folder: Path) -> tuple[int, ...]:
    """The living processes that were started for `folder`, but for this one and its parents."""
    mark = f"{MARK}={folder}".encode()
    kept = set(_lineage())
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) in kept:
            continue
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
            state = (entry / "stat").read_bytes().rpartition(b")")[2].split()[0]
        except OSError:
            continue  # it ended, or is another user's
        if mark in environment and state != b"Z":
            found.append(int(entry.name))
    return tuple(found)


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits for its parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except OSError:
        return False
    return state != b"Z"


def end(
    pids: Sequence[int], *, number: int = signal.SIGTERM, grace: float = _GRACE_SECONDS
) -> None:
    """Signal every process, and kill after `grace` seconds those that are still there."""
    _signal(pids, number)
    if not until(lambda: not any(map(alive, pids)), seconds=grace):
        _signal([pid for pid in pids if alive(pid)], signal.SIGKILL)
        until(lambda: not any(map(alive, pids)), seconds=grace)


def end_all(folder: Path) -> int:
    """End every process of `folder`, and what they start meanwhile. Returns how many there were."""
    first = marked(folder)
    for _ in range(3):
        pids = marked(folder)
        if not pids:
            break
        end(pids)
    return len(first)


def until(happened: Callable[[], bool], *, seconds: float) -> bool:
    """Wait for a condition; False when `seconds` pass without it."""
    limit = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > limit:
            return False
        time.sleep(0.05)
    return True


def _signal(pids: Sequence[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _lineage() -> list[int]:
    """This process and its parents."""
    pids, pid = [], os.getpid()
    while pid > 1:
        pids.append(pid)
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
        except OSError:
            break
    return pids

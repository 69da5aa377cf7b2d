"""Processes of the local target: each is marked, so that none can be left behind unseen."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from local.waiting import NotInTimeError, wait_until

# Every process that is started here carries this variable, and so do its children. nginx writes
# its title over its variables, so the session that a process was started in is noted as well.
MARK = "MAINSTAY_LOCAL"

_SESSIONS = "sessions"
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
        child = subprocess.Popen(
            command,
            cwd=cwd,
            env={**variables, MARK: str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    noted = folder / _SESSIONS
    noted.mkdir(parents=True, exist_ok=True)
    (noted / str(child.pid)).write_text(_began(child.pid) or "")
    return child


def marked(folder: Path) -> tuple[int, ...]:
    """Return the living processes that were started for `folder`, but for this one and its
    parents.
    """
    mark = f"{MARK}={folder}".encode()
    kept, sessions = set(_lineage()), _sessions(folder)
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) in kept:
            continue
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it ended, or is another user's
        stat = _stat(int(entry.name))
        if stat and stat[0] != "Z" and (mark in environment or int(stat[3]) in sessions):
            found.append(int(entry.name))
    return tuple(found)


def _sessions(folder: Path) -> set[int]:
    """Return the sessions that were begun for the folder, but for a number that another took over.

    While a process of a session lives, the kernel gives its number to no new one.
    """
    try:
        noted = list((folder / _SESSIONS).iterdir())
    except OSError:
        return set()
    return {int(one.name) for one in noted if _began(int(one.name)) in (None, one.read_text())}


def _stat(pid: int) -> list[str] | None:
    """Return what follows the name in /proc/<pid>/stat.

    State, parent, group, session ... (proc(5)).
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _began(pid: int) -> str | None:
    """Return when a process began, in ticks since the machine did; None where there is none."""
    stat = _stat(pid)
    return stat[19] if stat else None


def alive(pid: int) -> bool:
    """Return whether the process runs; one that has ended and waits for its parent does not."""
    stat = _stat(pid)
    return stat is not None and stat[0] != "Z"


def end(
    pids: Sequence[int], *, number: int = signal.SIGTERM, grace: float = _GRACE_SECONDS
) -> None:
    """Signal every process, and kill after `grace` seconds those that are still there."""
    for each in (number, signal.SIGKILL):
        _signal([pid for pid in pids if alive(pid)], each)
        with contextlib.suppress(NotInTimeError):
            wait_until(lambda: not any(map(alive, pids)), "the end of processes", seconds=grace)
            return


def end_all(folder: Path) -> int:
    """End every process of `folder`, and what they start meanwhile. Returns how many there were."""
    first = marked(folder)
    for _ in range(3):
        pids = marked(folder)
        if not pids:
            break
        end(pids)
    return len(first)


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
        stat = _stat(pid)
        if stat is None:
            break
        pid = int(stat[1])
    return pids

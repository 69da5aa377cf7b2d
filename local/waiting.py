"""The one way to wait for a condition, and to find a port, outside of what is deployed."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

# Below the ports that the kernel hands out (32768 to 60999 on Linux), where a client's own
# connection may already sit on the number.
_PORTS = (20_000, 32_000)
_LAST_LINES = 20


class NotInTimeError(TimeoutError):
    """A condition did not come true in time; the message names it, and holds the log's end."""


def wait_until(
    condition: Callable[[], T | None],
    what: str,
    *,
    seconds: float = 60,
    pause: float = 0.05,
    log: Path | Callable[[], object] | None = None,
) -> T:
    """Return what `condition` returns once it is true; it is asked every `pause` seconds.

    Raises NotInTimeError after `seconds`: with `what` was waited for, and the last lines of the
    file `log`, or what the function `log` returns.
    """
    limit = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > limit:
            raise NotInTimeError(f"not within {seconds:g} s: {what}{_reason(log)}")
        time.sleep(pause)
    return found


def _reason(log: Path | Callable[[], object] | None) -> str:
    if log is None:
        return ""
    return f"\n{last_lines(log) if isinstance(log, Path) else log()}"


def last_lines(file: Path, lines: int = _LAST_LINES) -> str:
    """Return the end of a log, or that there is none."""
    try:
        return "\n".join(file.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return f"(there is no {file})"


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on. Raises NotInTimeError if none is found."""
    for _ in range(200):
        port = random.randrange(*_PORTS)
        if is_free(port):
            return port
    raise NotInTimeError(f"no free port between {_PORTS[0]} and {_PORTS[1]}")


def listens(port: int) -> bool:
    """Return whether a server takes connections on a port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_free(port: int) -> bool:
    """Return whether a server could listen on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

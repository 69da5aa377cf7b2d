"""Kills an operation with SIGKILL after each of its statements, and runs it again each time."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

from service.operations.operator import Operator

Act = Callable[[Operator], Any]


def killed_everywhere(lab: Any, act: Act) -> int:
    """Run an act so that it is killed at every statement it ever reaches; returns the kills.

    Each run begins where the one before was killed and dies after its n-th statement. A place
    that was reached before (a transaction rolled back, a statement that is repeated) is passed by
    one more statement. It ends with the first run that nobody kills.
    """
    seen: set[tuple[str, ...]] = set()
    after, kills = 1, 0
    while True:
        statements, killed = _run(lab, act, after)
        if not killed:
            return kills
        kills += 1
        inside = statements.count("BEGIN") > statements.count("COMMIT")
        if inside or statements in seen:
            after += 1
        else:
            after = 1
        seen.add(statements)


def _run(lab: Any, act: Act, after: int) -> tuple[tuple[str, ...], bool]:
    """In a process of its own: the statements it ran, and whether it was killed."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(lab, act, after, writing)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        statements = tuple(pipe.read().split("\0")[:-1])
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        for server in lab.by_name.values():
            if not server.is_running:
                continue
            server.wait(  # what it had open is rolled back by now
                "SELECT count(*) = 0 FROM pg_stat_activity"
                " WHERE application_name = 'mainstay-operations'"
            )
        return statements, True
    if status != 0:
        raise AssertionError(f"the operation failed after {statements}")
    return statements, False


def _child(lab: Any, act: Act, after: int, pipe: int) -> None:
    """Never returns: the process ends with the act, or is killed in it."""
    done = 0

    def watch(when: str, node: str, text: str) -> None:
        nonlocal done
        if when == "after":
            done += 1
            os.write(pipe, f"{text}\0".encode())
            if done == after:
                os.kill(os.getpid(), signal.SIGKILL)

    code = 1
    try:
        with lab.operator(watch=watch, patience=30) as operator:
            act(operator)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)

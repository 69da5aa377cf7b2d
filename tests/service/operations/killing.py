"""Kills an operation after each of its statements, and runs it again each time.

In a process of its own with SIGKILL, or, which is faster and does the same to a server, in this
one: its connections are closed where they stand, and nothing more of it runs.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

import psycopg

from local.postgres import PostgresServer
from local.waiting import wait_until
from service.operations.operator import Operator

_OPEN = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mainstay-operations'"

Act = Callable[[Operator], Any]
# What a run had done, and whether it was killed.
Run = tuple[tuple[str, ...], bool]


class _KilledError(BaseException):
    """Nothing catches it."""


def killed_everywhere(
    lab: Any, act: Act, *, process: bool = False, then: Callable[[], None] | None = None
) -> int:
    """Run an act so that it is killed at every statement it ever reaches; returns the kills.

    Each run begins where the one before was killed and dies after its n-th statement. A place
    that was reached before (a transaction rolled back, a statement that is repeated) is passed by
    one more statement. It ends with the first run that nobody kills. `then` happens after each.
    """
    run = _run_process if process else _run
    seen: set[tuple[str, ...]] = set()
    after, kills = 1, 0
    while True:
        statements, killed = run(lab, act, after)
        if not killed:
            return kills
        _wait_for_servers(lab)
        if then is not None:
            then()
        kills += 1
        inside = statements.count("BEGIN") > statements.count("COMMIT")
        if inside or statements in seen:
            after += 1
        else:
            after = 1
        seen.add(statements)


def _run(lab: Any, act: Act, after: int) -> Run:
    statements: list[str] = []

    def watch(when: str, node: str, text: str) -> None:
        if when == "after":
            statements.append(text)
            if len(statements) == after:
                operator.__exit__()  # every connection, in whatever it is
                raise _KilledError

    operator = lab.operator(watch=watch, timeout=30)
    try:
        with operator:
            act(operator)
    except _KilledError:
        return tuple(statements), True
    return tuple(statements), False


def _run_process(lab: Any, act: Act, after: int) -> Run:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(lab, act, after, writing)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        statements = tuple(pipe.read().split("\0")[:-1])
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return statements, True
    if status != 0:
        raise AssertionError(f"the operation failed after {statements}")
    return statements, False


def _wait_for_servers(lab: Any) -> None:
    """What the killed one had open is rolled back by then."""

    def gone(server: PostgresServer) -> bool:
        try:
            return not server.ask(_OPEN)[0][0]
        except psycopg.Error:
            return False  # it restarts

    for server in lab.by_name.values():
        if server.is_running:
            wait_until(lambda server=server: gone(server), server.name, log=server.log)


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
        with lab.operator(watch=watch, timeout=30) as operator:
            act(operator)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)

"""One command at a time on a server: a second one waits."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from service.operations.operator import Operator

_LOCK = 0x6D61_696E  # "main", in PostgreSQL's advisory locks


@contextlib.contextmanager
def alone(operator: Operator, node: str) -> Iterator[None]:
    """Hold the lock of a node's server; it is the session's, and goes with a task that is killed.

    TimeoutError where another command holds it until the timeout.
    """
    session = operator.on(node)
    operator.wait(
        lambda: session.value("SELECT pg_try_advisory_lock(%s)", _LOCK),
        "no other command of an upgrade, and no healing, runs",
    )
    try:
        yield
    finally:
        if not session.connection.closed:
            session.rows("SELECT pg_advisory_unlock(%s)", _LOCK)

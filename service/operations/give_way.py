"""Changes a table that is in use without holding up for long who writes there.

A change waits for who uses its table, and everybody who comes later waits behind it. So it gives up
after a second, and is tried again when those have passed.
"""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from service.operations.operator import NodeSession, Operator

_SECONDS = 1.0


def set_lock_timeout(session: NodeSession) -> None:
    """Let the transaction that has begun wait for each of its locks for a second at most."""
    session.change(f"SET LOCAL lock_timeout = '{_SECONDS:g}s'")


def give_way(operator: Operator, change: Callable[[], None], what: str) -> None:
    """Make a change that gives up by itself, until it has its locks; TimeoutError naming `what`."""

    def changed() -> bool:
        try:
            change()
        except psycopg.errors.LockNotAvailable:
            return False
        return True

    if operator.dry_run:
        change()
    else:
        operator.wait(changed, what, every=_SECONDS)

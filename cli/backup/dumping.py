"""`dump`, `load` and `drill`: of whole databases, by the package `dumps` where it is installed."""

from __future__ import annotations

from typing import Any


def add(acts: Any) -> None:
    """The acts' options; none where the command is installed without the databases' client."""
    try:
        from dumps import command
    except ImportError:
        return
    command.add(acts)


def expected() -> tuple[type[Exception], ...]:
    """What may go wrong with a database or a bucket, without a fault of this program."""
    try:
        from dumps import command
    except ImportError:
        return ()
    return command.expected()

"""Ends a command of this machine that failed with its reason, and never with a traceback."""

from __future__ import annotations

import os
import sys

# As `mainstay` has it: with this variable set, a failure is raised and shows where it comes from.
_DEBUG = "MAINSTAY_DEBUG"


def failed(name: str, error: Exception, *, expected: tuple[type[Exception], ...]) -> int:
    """Print what ended the command `name`, and return its exit code, 1.

    What a command expects, and what the machine refuses (a full disk, no process more, a server
    that is not up in time), is its own message. Anything else is marked as unexpected. Raises the
    error itself where MAINSTAY_DEBUG is set.
    """
    if os.environ.get(_DEBUG):
        raise error
    text = str(error) or type(error).__name__
    if not isinstance(error, (*expected, OSError)):
        text = f"{type(error).__name__}: {text} (unexpected: {_DEBUG}=1 shows where)"
    print(f"{name}: {text}", file=sys.stderr)
    return 1

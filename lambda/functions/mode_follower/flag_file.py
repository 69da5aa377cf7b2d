"""The mode as files that a server looks for with each request: no reload, nothing closed."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path

from functions.control_table.mode import Mode, State

FLAG = "read-only"  # is there while the mode is READ_ONLY
KNOWN = "mode"  # is there once a mode is obeyed; says which


def write(folder: Path, state: State) -> None:
    """Make the folder's files say this state; whoever looks meanwhile sees the old or the new.

    The flag goes first: when KNOWN is there, the flag is right.
    """
    if state.mode is Mode.READ_ONLY:
        _replace(folder / FLAG, state)
    else:
        (folder / FLAG).unlink(missing_ok=True)
    _replace(folder / KNOWN, state)


def last(folder: Path) -> State | None:
    """The state that was written last; None where none was."""
    try:
        found = json.loads((folder / KNOWN).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return State(**{**found, "mode": Mode(found["mode"])})


def _replace(file: Path, state: State) -> None:
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as new:
            json.dump(asdict(state), new)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise

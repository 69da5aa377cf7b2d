"""Rows of an upgrade's tables: a step or its undoing, and who performs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# Classes of a release by its migrations; one without any goes the way of those that only add.
BREAKING, ADDITIVE = "breaking", "additive"


@dataclass(frozen=True, kw_only=True)
class Action:
    """An action of the function `upgrade` (functions.upgrade.actions), with its arguments."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """`python -m service.operations <command>` in a task of the new image."""

    command: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Undo:
    """A compensation: idempotent, and run only when it was registered, before its step.

    They run in the order of UNDOS, whatever order they were registered in.
    """

    key: str
    name: str  # of the state
    does: str
    until: str
    bound_seconds: int
    by: Action | Operation
    serves: bool = False  # whether users need it: without it the undoing stops, with others it owes


@dataclass(frozen=True, kw_only=True)
class Step:
    """One row. `undo` names the compensation that is registered before the step."""

    key: str
    number: str  # the whitepaper's step; "-" where it has none
    words: str
    name: str  # of the state
    does: str
    until: str
    bound_seconds: int  # of the whole row, waits and retries included
    by: Action | Operation
    undo: str | None = None
    read_only: bool = False  # whether writes are refused while it runs, in a breaking release
    only: str | None = None  # BREAKING or ADDITIVE, where releases of the other class have it not

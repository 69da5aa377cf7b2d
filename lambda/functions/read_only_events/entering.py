"""Decides whether a cause enters READ_ONLY in a Region, and enters it. Nothing here leaves it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from functions.control_table import mode
from functions.control_table.lock import Lock
from functions.control_table.mode import EpochPassedError, Mode, State
from functions.read_only_events.causes import EntryCause, EntryKind

# As whom an upgrade holds the lock and changes the mode (upgrade.plan.Plan.name).
UPGRADE = "upgrade "


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Records what was done in a Region: `entered`, or why not; and whether to publish it."""

    entered: bool
    why: str
    news: bool
    state: State  # that stands afterwards


def enter(
    dynamodb: Any, table: str, cause: EntryCause, *, locked: Lock | None, now: datetime
) -> Outcome:
    """Enter READ_ONLY for this cause, unless something speaks against it.

    `locked` is the lock of whichever Region has one: an upgrade of both holds it in the primary.
    The same event again says the same and changes nothing. Raises NoModeError where the bootstrap
    has not run: nothing takes writes there.
    """
    while True:
        found = mode.known(dynamodb, table)
        if (found.mode, found.by, found.reason) == (Mode.READ_ONLY, cause.by, cause.reason):
            return Outcome(entered=True, why="for this very event", news=True, state=found)
        if against := _against(found, cause, locked):
            why, news = against
            return Outcome(entered=False, why=why, news=news, state=found)
        try:
            held = mode.hold_read_only(
                dynamodb, table, reason=cause.reason, by=cause.by, at=now, epoch=found.epoch
            )
        except EpochPassedError:
            continue  # somebody was faster: what is there now is looked at anew
        why = f"{found.mode} by {found.by} since {found.at} until now"
        return Outcome(entered=True, why=why, news=True, state=held)


def _against(found: State, cause: EntryCause, locked: Lock | None) -> tuple[str, bool] | None:
    """Return why READ_ONLY is not entered, and whether to publish it; None if it is."""
    if locked and cause.kind is not EntryKind.WRITER:
        return f"{locked.holder} holds the lock, and pauses replicas itself", False
    if cause.kind is EntryKind.BROKEN:
        return "users are served meanwhile; a person mends the replica", True
    if found.mode is Mode.READ_ONLY:
        if found.by.startswith(UPGRADE) and cause.kind is EntryKind.WRITER:
            return None  # an upgrade leaves by itself, and would leave what is needed from now on
        return f"READ_ONLY already, by {found.by} since {found.at}: {found.reason}", False
    if (passed := _passed(found, cause)) is not None:
        return f"it happened {passed} before {found.by} left READ_ONLY, at {found.at}", True
    return None


def _passed(found: State, cause: EntryCause) -> timedelta | None:
    """Return how long before the last leaving it happened; None where it did not.

    The table keeps whole seconds: what happened within the second of the leaving came after it.
    """
    left = datetime.fromisoformat(found.at)
    happened = cause.at.replace(microsecond=0)
    return left - happened if happened < left else None

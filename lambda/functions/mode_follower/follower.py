"""Follows the mode: what a layer does at every look at the control table, without a clock."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from functions.control_table.acknowledgements import acknowledge
from functions.control_table.mode import Mode, State, read

# A look costs a read of one item: 1.3 million a month and task. A flip is obeyed within this.
POLL = timedelta(seconds=2)
# How long a new task asks before it serves in READ_ONLY, which is safe in any mode.
FIRST_READ_TIMEOUT = timedelta(seconds=10)
# Without a look for so long, what is obeyed may be the past; the log says so.
STALE = timedelta(seconds=30)
# An acknowledgement is kept ten times as long (control_table.acknowledgements.KEPT).
RENEWAL = timedelta(seconds=60)

Log = Callable[[dict[str, Any]], None]


def log_line(entry: dict[str, Any]) -> None:
    """Write one structured line to standard output."""
    print(json.dumps(entry), flush=True)


def _without_epoch(reason: str) -> State:
    """Return the state that is obeyed while no mode is known; epoch 0 is never acknowledged."""
    return State(mode=Mode.READ_ONLY, reason=reason, epoch=0, by="follower", at="")


NO_MODE = _without_epoch("the control table has no mode yet")
UNREAD = _without_epoch("the control table could not be read")


class ModeFollower:
    """Obeys the table's mode, and the last one known while the table cannot be read.

    `look` raises nothing: whatever fails is logged and tried again at the next look. `obey` is
    called with each new state, before it is acknowledged; it may be called twice with one.
    """

    def __init__(
        self,
        *,
        read_mode: Callable[[], State | None],
        obey: Callable[[State], None],
        say_so: Callable[[State, datetime], None],
        log: Log = log_line,
    ) -> None:
        self.state: State | None = None  # None until something is obeyed
        self._read_mode = read_mode
        self._obey = obey
        self._say_so = say_so
        self._log = log
        self._first_look: datetime | None = None
        self._last_read: datetime | None = None
        self._told_stale = False
        self._acknowledged: tuple[State, datetime] | None = None

    def look(self, now: datetime) -> None:
        """Read the mode once, obey it where it is new, and acknowledge it."""
        self._first_look = self._first_look or now
        try:
            found = self._read_mode()
        except Exception as error:
            self._go_on_without(now, error)
            return
        self._last_read, self._told_stale = now, False
        self._turn_to(found or NO_MODE)
        self._acknowledge(now)

    def renew(self) -> None:
        """Acknowledge at the next look, although what is obeyed has not changed."""
        self._acknowledged = None

    def age(self, now: datetime) -> timedelta | None:
        """Return the seconds since the obeyed state was read; None before the first."""
        return None if self._last_read is None else now - self._last_read

    def _go_on_without(self, now: datetime, error: Exception) -> None:
        assert self._first_look is not None
        since = self._last_read or self._first_look
        if self.state is None and now - self._first_look >= FIRST_READ_TIMEOUT:
            self._turn_to(UNREAD)
        if not self._told_stale and now - since >= STALE:
            self._told_stale = True
            seconds = round((now - since).total_seconds())
            self._log({"event": "stale", "seconds": seconds, "error": repr(error)})

    def _turn_to(self, state: State) -> None:
        if state == self.state:
            return
        try:
            self._obey(state)
        except Exception as error:
            self._log({"event": "not obeyed", "epoch": state.epoch, "error": repr(error)})
            return
        self.state = state
        self._log(
            {
                "event": "obeyed",
                "mode": state.mode.value,
                "epoch": state.epoch,
                "reason": state.reason,
                "by": state.by,
            }
        )

    def _acknowledge(self, now: datetime) -> None:
        if self.state is None or self.state.epoch == 0:
            return
        if self._acknowledged is not None:
            state, at = self._acknowledged
            if state == self.state and now - at < RENEWAL:
                return
        try:
            self._say_so(self.state, now)
        except Exception as error:
            self._log({"event": "not acknowledged", "error": repr(error)})
            return
        self._acknowledged = self.state, now


def follower_of(
    dynamodb: Any, table: str, *, layer: str, task_id: str, obey: Callable[[State], None]
) -> ModeFollower:
    """A follower of this table for a task of a layer: "edge", "app", "worker"."""

    def say_so(state: State, now: datetime) -> None:
        acknowledge(dynamodb, table, layer=layer, task_id=task_id, state=state, at=now)

    return ModeFollower(read_mode=partial(read, dynamodb, table), obey=obey, say_so=say_so)

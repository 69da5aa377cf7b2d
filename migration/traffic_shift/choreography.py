"""Decides what happens next to a shift: one step, a wait, or the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from .shift import (
    DONE,
    HELD,
    RETURNED,
    SHIFTING,
    Shift,
    ShiftPlan,
    begun,
    findings,
    news,
)


class NotNowError(ValueError):
    """The shift's state does not allow a command; the text names the states that do."""


def next_of(shift: Shift, plan: ShiftPlan, *, now: datetime, alarms: Sequence[str]) -> Shift:
    """Return the shift as it should be now; `alarms` are the names of those that are in alarm.

    Called again with the same arguments it changes nothing more. A shift goes back by itself from
    every state in which the new chain has traffic, held and done included.
    """
    if shift.state == RETURNED:
        return shift
    if alarms:
        return _returned(shift, now, f"in alarm: {', '.join(sorted(alarms))}")
    found = findings(shift, plan)
    if found:
        (kind, status_class), strength = found[0]
        return _returned(
            shift,
            now,
            f"{status_class}xx answers to {kind.method} {kind.route} of shape {kind.shape} are "
            f"more frequent on the new chain (strength {strength:.1f}); {len(found)} finding(s)",
        )
    if shift.state != SHIFTING:
        return shift
    missing = _missing(shift, plan, now)
    if missing:
        return replace(shift, reason=missing)
    if shift.step + 1 == len(plan.steps):
        return replace(shift, state=DONE, reason="every step is done: the legacy chain may go")
    step = shift.step + 1
    return _at(shift, step, now, f"step {step + 1} of {len(plan.steps)}: nothing found before it")


def _missing(shift: Shift, plan: ShiftPlan, now: datetime) -> str:
    """Return what the step still waits for, or "" where it has all."""
    bake, requests = plan.bake[shift.step], plan.requests(shift.step)
    if now - shift.since < bake:
        return f"waits until {(shift.since + bake).isoformat()}"
    if shift.requests < requests:
        return f"waits for requests: {shift.requests:,} of {requests:,}"
    # Of two equal chains the rarer answer is first seen on either; this wait ends by itself, or
    # never, and then a person looks.
    unknown = news(shift) if plan.steps[shift.step] < 100 else []
    if unknown:
        pairs = ", ".join(f"{status} of {route}" for route, status in unknown[:5])
        return f"waits for the legacy chain to answer what it never has: {pairs}"
    return ""


def start(shift: Shift | None, *, now: datetime, by: str) -> Shift:
    """Return a new shift at its first step. Raises NotNowError while one has traffic."""
    if shift is not None and shift.state in (SHIFTING, HELD):
        raise NotNowError(f"'start' needs no shift under way, and one is {shift.state}: return it")
    version = 0 if shift is None else shift.version
    return replace(begun(now, f"started by {by}"), version=version)


def hold(shift: Shift, *, by: str) -> Shift:
    """Stay at this weight until resumed. Raises NotNowError where nothing is under way."""
    if shift.state not in (SHIFTING, HELD):
        raise NotNowError(f"'hold' needs a shift that is {SHIFTING}, and this one is {shift.state}")
    return replace(shift, state=HELD, reason=f"held by {by}")


def resume(shift: Shift, *, by: str) -> Shift:
    """Go on from a hold. Raises NotNowError where nothing is held."""
    if shift.state not in (SHIFTING, HELD):
        raise NotNowError(f"'resume' needs a shift that is {HELD}, and this one is {shift.state}")
    return replace(shift, state=SHIFTING, reason=f"resumed by {by}")


def advance(shift: Shift, plan: ShiftPlan, *, now: datetime, by: str) -> Shift:
    """Go to the next step, whatever this one still waits for.

    Raises NotNowError where nothing is under way or no step is left.
    """
    if shift.state not in (SHIFTING, HELD) or shift.step + 1 == len(plan.steps):
        raise NotNowError(
            f"'advance' needs a shift under way below 100 percent, and this one is {shift.state} "
            f"at {shift.weight(plan)}"
        )
    return replace(_at(shift, shift.step + 1, now, f"advanced by {by}"), state=SHIFTING)


def take_back(shift: Shift, *, now: datetime, by: str) -> Shift:
    """Return the shift at weight 0; done twice, it is done once."""
    return shift if shift.state == RETURNED else _returned(shift, now, f"taken back by {by}")


def _at(shift: Shift, step: int, now: datetime, reason: str) -> Shift:
    return replace(shift, step=step, since=now, counted_until=now, requests=0, reason=reason)


def _returned(shift: Shift, now: datetime, reason: str) -> Shift:
    return replace(shift, state=RETURNED, since=now, reason=reason)

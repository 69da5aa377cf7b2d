"""One turn of a shift: reads its memory, counts new answers, decides, writes, sets weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import choreography, memory
from .accepted import Accepted
from .access_log import AccessLog, ends
from .counting import Window, answers_of
from .shift import RETURNED, Shift, ShiftPlan, counted, findings, news
from .weights import Weights

COMMANDS = ("start", "hold", "resume", "advance", "return")


@dataclass(frozen=True, kw_only=True)
class ShiftContext:
    """The parts of AWS that a shift reads and sets, and its plan."""

    table: Any  # the control table
    weights: Weights
    log: AccessLog
    in_alarm: Callable[[], Sequence[str]]  # the names of the alarms that are in alarm now
    groups: Mapping[str, str]  # target group ARN -> chain
    routes: Sequence[str]
    plan: ShiftPlan
    accepted: Accepted


def tick(site: ShiftContext, *, now: datetime, time_left: Callable[[], bool]) -> Shift | None:
    """Take one turn. Returns the shift, None where none was ever started.

    The answers of the log and the decision on them are kept in one write, so a turn that is cut
    off anywhere, or runs twice, or beside another, counts nothing twice. `time_left` is asked
    before each five minutes of log; the next turn goes on from there. Raises ShiftOvertakenError
    where another turn was faster.
    """
    shift = memory.read(site.table)
    if shift is None:
        return None
    before = (shift.state, shift.step)
    if shift.state != RETURNED:
        for end in ends(shift.counted_until, now):
            if not time_left():
                break
            shift = counted(shift, _window(site, shift, end), site.accepted, until=end)
        shift = choreography.next_of(shift, site.plan, now=now, alarms=site.in_alarm())
        shift = memory.write(site.table, shift, site.plan)
    if (shift.state, shift.step) != before:
        _log(shift, site.plan)
    return set_weights(site)


def obey(site: ShiftContext, name: str, *, now: datetime, by: str) -> Shift:
    """Obey a person's command and return the shift. Raises NotNowError or ValueError."""
    if name not in COMMANDS:
        raise ValueError(f"'command' should be {', '.join(COMMANDS)}, status or tick, got '{name}'")
    shift = memory.read(site.table)
    if name == "start":
        if alarms := site.in_alarm():
            raise choreography.NotNowError(f"'start' needs quiet alarms, got {', '.join(alarms)}")
        shift = choreography.start(shift, now=now, by=by)
    elif shift is None:
        raise choreography.NotNowError(f"'{name}' needs a shift, and none was ever started")
    elif name == "hold":
        shift = choreography.hold(shift, by=by)
    elif name == "resume":
        shift = choreography.resume(shift, by=by)
    elif name == "advance":
        shift = choreography.advance(shift, site.plan, now=now, by=by)
    else:
        return take_back(site, now=now, by=by)
    _log(memory.write(site.table, shift, site.plan), site.plan)
    return _with_weights_set(site)


def take_back(site: ShiftContext, *, now: datetime, by: str) -> Shift:
    """Set weight 0 at once, at the load balancer first and in the memory after; return the shift.

    The way back asks nothing of the table before it is taken. Until the memory has it too, no
    turn that runs beside this one can raise the weight for longer than its own write takes.
    """
    site.weights.set(0)
    while True:
        shift = memory.read(site.table)
        if shift is None:
            raise choreography.NotNowError("'return' needs a shift, and none was ever started")
        try:
            back = choreography.take_back(shift, now=now, by=by)
            if back is not shift:
                _log(memory.write(site.table, back, site.plan), site.plan)
            return _with_weights_set(site)
        except memory.ShiftOvertakenError:
            continue  # decided again on what the other turn has written


def set_weights(site: ShiftContext) -> Shift | None:
    """Make the load balancer's weights those of the memory, whoever wrote it last."""
    while True:
        shift = memory.read(site.table)
        if shift is None:
            return None
        site.weights.set(shift.weight(site.plan))
        after = memory.read(site.table)
        if after is not None and after.version == shift.version:
            return shift


def status(site: ShiftContext) -> dict[str, Any]:
    """Return for a person where the shift stands and why it does not go on."""
    shift = memory.read(site.table)
    if shift is None:
        return {"state": "never started", "live_percent": site.weights.percent()}
    return {
        **_summary(shift, site.plan),
        "live_percent": site.weights.percent(),
        "cells": len(shift.cells),
        "findings": [[*cell.kind, cell.status_class] for cell, _ in findings(shift, site.plan)],
        "only_on_the_new_chain": [list(pair) for pair in news(shift)],
        "counted_until": shift.counted_until.isoformat(),
    }


def _with_weights_set(site: ShiftContext) -> Shift:
    shift = set_weights(site)
    assert shift is not None  # it was just written
    return shift


def _window(site: ShiftContext, shift: Shift, end: datetime) -> Window:
    """Return the answers of five minutes of the log since the weight took hold."""
    start = shift.since + site.plan.settle
    answers = answers_of(site.log.lines(end), groups=site.groups, routes=site.routes)
    return Window(answer for answer in answers if answer.time >= start)


def _summary(shift: Shift, plan: ShiftPlan) -> dict[str, Any]:
    return {
        "state": shift.state,
        "percent": shift.weight(plan),
        "since": shift.since.isoformat(),
        "requests": shift.requests,
        "reason": shift.reason,
    }


def _log(shift: Shift, plan: ShiftPlan) -> None:
    print(json.dumps({"traffic_shift": _summary(shift, plan)}))

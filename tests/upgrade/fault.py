"""Faults of an upgrade's simulation: what happens at one state, and how often."""

from __future__ import annotations

from dataclasses import dataclass

ALARM_RINGS, OPENED = "an alarm", "somebody"  # who else writes the mode
SCALES = {"scales-out": 1, "scales-in": -1}  # every service that it may
SPOILT = ("login-401", "login-503", "no-connection", "slow-release")  # of the release
IN_FULL = "login-401-in-full"  # and well at a tenth
AWAY = ("standby-away", "follower-dead", "b-dead")  # helpers, from a state on


@dataclass
class Fault:
    """At one state: what happens, and how often.

    An error `before` its effect or `after` it; a time-out likewise, or of a task that `lingers` and
    has its effect at the next state, unless it is ended, or at the last, whoever ends it (`late`);
    the interpreter is killed; another writer of the mode comes between: an alarm in one of the
    Regions, or somebody who opens the primary; the release is spoilt, as users see it;
    the autoscaler scales every service that it may out or in; from here on the standby Region is
    out of reach, or the follower or B does not answer.
    """

    state: str
    kind: str  # as tests/upgrade/cases.py lists them
    times: int = 1_000  # of the same state; 1 is a fault that passes
    hits: int = 0

    def strikes(self, state: str) -> bool:
        if state != self.state or self.hits >= self.times:
            return False
        self.hits += 1
        return True

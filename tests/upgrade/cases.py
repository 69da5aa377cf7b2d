"""Every fault at every state of the machine, as a list.

A state that undoes is reached with new code that fails its smoke test, and once more from as late
as there is a way back; the states of a stop, with a comparison that fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from mainstay.upgrade.rows import ADDITIVE, BREAKING, Operation
from mainstay.upgrade.steps import STEPS
from mainstay.upgrade.undos import UNDOS
from tests.upgrade.fault import AWAY, IN_FULL, SCALES, SPOILT, Fault
from tests.upgrade.regions import NEW, PRIMARY
from tests.upgrade.simulated_account import SimulatedAccount

ERRORS = ("before", "after", "timeout-before", "timeout-after")  # once, and for good
KILLS = ("kill-before", "kill-after")
OF_TASKS = ("lingers", "kill-lingers", "kill-late")
ALARMS = ("alarm-primary", "alarm-standby")
KINDS = (*ERRORS, *OF_TASKS, *KILLS, *ALARMS, "opened", *SCALES, *AWAY, *SPOILT, IN_FULL)
ALWAYS = 1_000

STOPPING = ("Stop", "Notify the operators")
GOING_BACK = "Back or stop"
CAUSES = {  # why there is anything to undo, or to stop for
    "smoke": "new code that fails its smoke test",
    "commit": "a commit that fails for good",
    "compare": "a comparison that fails for good",
    "counts": "numbers of tasks that cannot be restored",
}
_OPERATIONS = {row.name for row in (*STEPS, *UNDOS) if isinstance(row.by, Operation)}
# From where on a release may turn out to be spoilt, and is noticed.
_BEFORE_THE_BAKE = {STEPS[0].name, "Smoke-test the new code", "Give the new code a tenth"}
_OF_A_WINDOW = "Undo: the primary master as it was"
_IN_READ_ONLY = {row.name for row in STEPS if row.read_only and row.key != "enter"} | {
    row.name for row in UNDOS[: [undo.key for undo in UNDOS].index("mode") + 1]
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One run: `kind` at `state`, so many `times`; `cause` is one of CAUSES or empty."""

    state: str
    kind: str
    times: int = 1
    cause: str = ""
    release: str = BREAKING  # its class

    def __str__(self) -> str:
        often = " for good" if self.times > 1 else ""
        after = f", after {self.cause}" if self.cause else ""
        return f"{self.release} {self.state}: {self.kind}{often}{after}"

    @property
    def key(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    def prepare(self, account: SimulatedAccount) -> None:
        account.faults = [Fault(self.state, self.kind, self.times)]
        account.databases.adds = self.release == ADDITIVE
        match self.cause:
            case "smoke":
                account.ecs[PRIMARY].broken.add(NEW)
            case "commit":
                account.faults.append(Fault("Commit", "before"))
            case "compare":
                account.faults.append(Fault("Compare both masters", "before"))
            case "counts":
                account.faults.append(Fault("Return the halves to their size", "before"))


def cases(definition: str) -> Iterator[Case]:
    """Yield cases of every task state. What cannot report a stop for good, nobody else can."""
    states: dict[str, Any] = json.loads(definition)["States"]
    tasks = [name for name, shape in states.items() if shape["Type"] == "Task"]
    for release in (BREAKING, ADDITIVE):
        elsewhere = {row.name for row in STEPS if row.only not in (None, release)}
        if release == ADDITIVE:
            elsewhere.add(_OF_A_WINDOW)
        for state in tasks:
            if state.removesuffix(": note") not in elsewhere:
                yield from _at(state, release)


def _at(state: str, release: str) -> Iterator[Case]:
    for cause in _causes(state, release):
        for kind in KINDS:
            if _applies(kind, state) and (kind, release) != ("opened", ADDITIVE):
                yield Case(state=state, kind=kind, cause=cause, release=release)
            if kind in ERRORS and state not in STOPPING:
                yield Case(state=state, kind=kind, cause=cause, times=ALWAYS, release=release)


def _causes(state: str, release: str) -> tuple[str, ...]:
    if state in STOPPING:
        return ("compare",) if release == BREAKING else ("counts",)
    return ("smoke", "commit") if state.startswith("Undo") or state == GOING_BACK else ("",)


def _applies(kind: str, state: str) -> bool:
    if kind in OF_TASKS:
        return state in _OPERATIONS
    if kind in SPOILT:
        return state in _BEFORE_THE_BAKE
    if kind == IN_FULL:
        return state in _BEFORE_THE_BAKE or state == "Switch traffic to new code"
    if kind == "opened":
        return state.removesuffix(": note") in _IN_READ_ONLY or state == GOING_BACK
    return True

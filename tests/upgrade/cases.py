"""Every fault at every state of the machine, as a list.

A state that undoes is reached with new code that fails its smoke test, and once more from as late
as there is a way back; the states of a stop, with a comparison that fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from mainstay.upgrade.rows import Operation
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
}
_OPERATIONS = {row.name for row in (*STEPS, *UNDOS) if isinstance(row.by, Operation)}
# From where on a release may turn out to be spoilt, and is noticed.
_BEFORE_THE_BAKE = {STEPS[0].name, "Smoke-test the new code", "Give the new code a tenth"}
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

    def __str__(self) -> str:
        often = " for good" if self.times > 1 else ""
        return f"{self.state}: {self.kind}{often}{', after ' + self.cause if self.cause else ''}"

    @property
    def key(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    def prepare(self, account: SimulatedAccount) -> None:
        account.faults = [Fault(self.state, self.kind, self.times)]
        match self.cause:
            case "smoke":
                account.ecs[PRIMARY].broken.add(NEW)
            case "commit":
                account.faults.append(Fault("Commit", "before"))
            case "compare":
                account.faults.append(Fault("Compare both masters", "before"))


def cases(definition: str) -> Iterator[Case]:
    """Yield cases of every task state. What cannot report a stop for good, nobody else can."""
    states: dict[str, Any] = json.loads(definition)["States"]
    for state in (name for name, shape in states.items() if shape["Type"] == "Task"):
        for cause in _causes(state):
            for kind in KINDS:
                if _applies(kind, state):
                    yield Case(state=state, kind=kind, cause=cause)
                if kind in ERRORS and state not in STOPPING:
                    yield Case(state=state, kind=kind, cause=cause, times=ALWAYS)


def _causes(state: str) -> tuple[str, ...]:
    if state in STOPPING:
        return ("compare",)
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

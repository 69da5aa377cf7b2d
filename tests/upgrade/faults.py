"""Every fault at every state, and how each run ends: `make upgrade-faults`.

    python -m tests.upgrade.faults --assembly cdk.out --out out/upgrade-faults.json

The synthesized machine runs in memory (interpreter.py, world.py). A state fails before its effect
or after it, once or for good; it times out; the interpreter is killed before or after it, and then
a person resumes or aborts. After each run the whole world is looked at.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from moto import mock_aws

from tests.upgrade.synthesized import definition_in
from tests.upgrade.world import NEW, UPGRADE, Fault, World

ENDS = (
    "upgraded",
    "rolled back exactly",
    "stopped safely, READ_ONLY, lock held, operator told why",
)
SMOKE = "Smoke-test the new code"


@dataclass(frozen=True, kw_only=True)
class Case:
    """`then` is a person's act after the interpreter was killed."""

    state: str
    kind: str
    times: int
    then: str = ""
    broken: bool = False  # whether the new code is: how the undoing is reached

    def __str__(self) -> str:
        often = "once" if self.times == 1 else "always"
        return f"{self.state}: {self.kind} {often}{', then ' + self.then if self.then else ''}"


def cases(definition: str) -> Iterator[Case]:
    """Of every task state; of those that undo, with new code that fails its smoke test."""
    for state, shape in json.loads(definition)["States"].items():
        if shape["Type"] != "Task":
            continue
        broken = state.startswith("Undo") or state in ("Back or stop",)
        if state in ("Stop", "Tell the operators"):
            continue  # reached by the faults that last; what they cannot do, nobody can
        for kind in ("before", "after", "timeout"):
            for times in (1, 1_000):
                yield Case(state=state, kind=kind, times=times, broken=broken)
        for kind in ("kill-before", "kill-after"):
            for then in ("resume", "abort"):
                yield Case(state=state, kind=kind, times=1, then=then, broken=broken)


def run(definition: str, case: Case | None) -> dict[str, Any]:
    """One run in a world of its own; `outcome` is one of ENDS or begins with WRONG."""
    began = time.perf_counter()
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):  # type: ignore[arg-type]
        world = World()
        if case is not None:
            world.fault = Fault(state=case.state, kind=case.kind, times=case.times)
            if case.broken:
                world.ecs["us-east-1"].broken.add(NEW)
        machine = world.machine()
        with machine.installed(), redirect_stdout(StringIO()):
            told = {"upgrade": UPGRADE, "image": NEW, "by": "a test"}
            ended = machine.run(definition, "first", told)
            path = ended["path"]
            if world.dead:
                world.dead = False
                ended = _by_hand(world, machine, definition, case.then if case else "resume")
                path = [*path, "(killed)", *ended["path"]]
        outcome = world.outcome(ended)
        reached = case is None or world.fault is None or world.fault.hits > 0
    return {
        "case": None if case is None else asdict(case),
        "outcome": outcome if reached else "not reached",
        "why": (ended.get("cause") or "")[:300],
        "path": path,
        "seconds": round(time.perf_counter() - began, 2),
    }


def _by_hand(world: World, machine: Any, definition: str, then: str) -> dict[str, Any]:
    """What a person does about a killed run; an abort that comes too late becomes a resume."""
    # Its first states may never have been: then there is nothing to abort, and it is begun anew.
    told = {"upgrade": UPGRADE, "by": "a test", "image": NEW}
    if then == "abort":
        ended = machine.run(definition, "aborted", {**told, "intent": "abort"})
        if ended.get("error") != "Upgrade.Refused" or world.lock() is None:
            return ended
    return machine.run(definition, "resumed", told)


def main(arguments: Sequence[str] | None = None) -> int:
    """Every case; prints the table, writes it, and returns 1 unless every run ends as it should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assembly", type=Path, default=Path("cdk.out"))
    parser.add_argument("--out", type=Path, default=Path("out/upgrade-faults.json"))
    parser.add_argument("--only", default="", help="states whose names hold this")
    given = parser.parse_args(arguments)
    logging.disable(logging.ERROR)  # moto tells every failure, and failures are what is wanted
    definition = definition_in(given.assembly)
    results = [run(definition, None)]
    for case in cases(definition):
        if given.only in case.state:
            results.append(run(definition, case))
            outcome, seconds = results[-1]["outcome"], results[-1]["seconds"]
            print(f"{outcome[:60]:60} {seconds:6} s  {case}", flush=True)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(results, indent=1))
    counts = Counter(each["outcome"] for each in results)
    print()
    for outcome, count in counts.most_common():
        print(f"{count:5}  {outcome}")
    wrong = [each for each in results if each["outcome"] not in ENDS]
    print(f"{len(results)} runs, {len(wrong)} of them wrong: {given.out}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

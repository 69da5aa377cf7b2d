"""Every fault at every state, and how each run ends: `make upgrade-faults`.

    python -m tests.upgrade.faults --assembly cdk.out --out out/upgrade-faults.json

The synthesized machine runs in memory (interpreter.py, simulated_account.py), each case
(cases.py) in a child of its own. After each run everything is compared. What was killed or has
stopped, a person then resumes and, in another child, aborts: with the fault fixed, both have to
end it. A run of the table that was interrupted goes on where it was, if nothing has changed since.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import Any

from moto import mock_aws

from functions.upgrade import plan as plans
from mainstay.upgrade.rows import ADDITIVE
from tests.upgrade.cases import Case, cases
from tests.upgrade.forked import in_children
from tests.upgrade.interpreter import Machine
from tests.upgrade.regions import NEW, PRIMARY
from tests.upgrade.simulated_account import ENDS, ROLLED_BACK, UPGRADE, UPGRADED, SimulatedAccount
from tests.upgrade.synthesized import definition_in
from tests.upgrade.table import table

_ROOT = Path(__file__).parents[2]
_SOURCES = ("lambda/functions/upgrade", "lambda/functions/control_table", "tests/upgrade")
PERSONS = ("resume", "abort")
SAMPLE = (
    Case(state="Halt replication on the primary master", kind="after", times=1_000),
    Case(state="Upgrade the primary master", kind="timeout-after", times=1_000),
    Case(state="Upgrade the primary master", kind="lingers"),
    Case(state="Commit", kind="after", times=1_000),
    Case(state="Commit", kind="alarm-standby"),
    Case(state="Upgrade the primary master", kind="kill-after"),
    Case(state="Halt replication on the primary master", kind="kill-late"),
    Case(state="Switch traffic to new code", kind="kill-after"),
    Case(state="Undo: confirm", kind="kill-after", cause="commit"),
    Case(state="Undo: read-write mode", kind="before", times=1_000, cause="smoke"),
    Case(state="Release the lock", kind="kill-after"),
    Case(state="Release the lock", kind="scales-out"),
    Case(state="Commit", kind="standby-away"),
    Case(state="Give the new code a tenth", kind="login-401"),
    Case(state="Give the new code a tenth", kind="slow-release"),
    Case(state="Undo: read-write mode", kind="standby-away", cause="smoke"),
    Case(state="Open the primary master", kind="b-dead"),
    Case(state="Undo: the primary master as it was", kind="follower-dead", cause="commit"),
    Case(state="Take the standby Region out of DNS", kind="scales-out"),
    Case(state="Notify the operators", kind="before", cause="compare"),
    Case(state="Widen every store", kind="after", times=1_000, release=ADDITIVE),
    Case(state="Widen every store", kind="kill-late", release=ADDITIVE),
    Case(state="Widen every store", kind="b-dead", release=ADDITIVE),
    Case(state="Give the new code a tenth", kind="login-401", release=ADDITIVE),
    Case(state="Commit", kind="kill-after", release=ADDITIVE),
    Case(state="Upgrade the trailing half", kind="standby-away", release=ADDITIVE),
)


class Runs:
    """Runs of a definition, from the same account at rest; `run` is to be called in a child."""

    def __init__(self, definition: str) -> None:
        self._definition, self._account = definition, SimulatedAccount()
        self._machine: Machine = self._account.machine()

    @contextmanager
    def ready(self) -> Iterator[None]:
        with self._machine.installed():
            self._machine.known(self._definition)
            yield

    def run(self, case: Case) -> dict[str, Any]:
        """How it ended: `wrong` is empty, or what is."""
        began, account = time.perf_counter(), self._account
        case.prepare(account)
        with redirect_stdout(StringIO()):
            ended = self._start("first", image=NEW, **{"class": case.release})
            dead = account.dead
            outcome = "killed" if dead else account.outcome(ended)
            hit = account.faults[0].hits > 0
            afterwards = {}
            if dead or outcome not in (UPGRADED, ROLLED_BACK):
                afterwards = dict(in_children(self._by_hand, PERSONS, at_once=1))
        wrong = [] if hit else ["the state was not reached"]
        wrong += [] if dead or outcome in ENDS else [outcome]
        wrong += [
            f"{who}: {end}" for who, end in afterwards.items() if end not in (UPGRADED, ROLLED_BACK)
        ]
        return {
            **asdict(case),
            "outcome": outcome,
            "afterwards": afterwards,
            "wrong": "; ".join(wrong),
            "why": (ended.get("cause") or "")[:300],
            "path": ended["path"],
            "seconds": round(time.perf_counter() - began, 2),
        }

    def _by_hand(self, person: str) -> str:
        """Resume or abort, with the fault fixed; after a refused abort, resume."""
        account = self._account
        account.dead, account.faults = False, []
        account.repair()
        account.spoilt = ""
        plan = plans.read(account.tables[PRIMARY], f"control-{PRIMARY}", UPGRADE)
        take = plan is not None and plan.window and bool(account.taken)
        if person == "abort":
            ended = self._start("aborted", image=NEW, intent="abort")
            if ended.get("error") != "Upgrade.Refused" or account.lock() is None:
                return account.outcome(ended)
        if take:
            account.taken.clear()
        return account.outcome(self._start("resumed", image=NEW, take_mode=take))

    def _start(self, name: str, **given: Any) -> dict[str, Any]:
        given_input = {"upgrade": UPGRADE, "by": "a test", **given}
        return self._machine.run(self._definition, name, given_input)


def main(arguments: Sequence[str] | None = None) -> int:
    """Every case; prints the table, writes it, and returns 1 unless every run ends as it should."""
    given = _parser().parse_args(arguments)
    logging.disable(logging.ERROR)  # moto logs every failure, and failures are what is wanted
    definition = definition_in(given.assembly)
    wanted = SAMPLE if given.sample else tuple(cases(definition))
    wanted = [case for case in wanted if given.only in str(case)]
    given.out.parent.mkdir(parents=True, exist_ok=True)
    known = _Known(given.out.with_suffix(".part"), _digest(definition))
    missing = [case for case in wanted if case.key not in known.results]
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):  # type: ignore[arg-type]
        runs = Runs(definition)
        with runs.ready():
            gc.freeze()  # what the children share is not to be written
            for case, result in in_children(runs.run, missing, at_once=given.processes):
                known.add(case, result)
                print(f"{result['wrong'] or result['outcome']:58.58} {case}", flush=True)
    results = [known.results[case.key] for case in wanted]
    given.out.write_text(json.dumps({"digest": known.digest, "runs": results}, indent=1))
    wrong = [each for each in results if each["wrong"]]
    print("\n" + table(results))
    for outcome, count in Counter(each["outcome"] for each in results).most_common():
        print(f"{count:5}  {outcome}")
    print(f"{len(results)} runs, {len(wrong)} of them wrong: {given.out}")
    return 1 if wrong else 0


class _Known:
    """The results so far, a line for each; those of other code are forgotten."""

    def __init__(self, path: Path, digest: str) -> None:
        self._path, self.digest, self.results = path, digest, {}
        lines = path.read_text().splitlines() if path.exists() else []
        if lines[:1] != [digest]:
            path.write_text(digest + "\n")
            return
        for line in lines[1:]:
            key, result = json.loads(line)
            self.results[key] = result

    def add(self, case: Case, result: dict[str, Any]) -> None:
        self.results[case.key] = result
        with self._path.open("a") as file:
            file.write(json.dumps([case.key, result]) + "\n")


def _digest(definition: str) -> str:
    """Return a digest of all that a result depends on, but for the packages."""
    found = hashlib.sha256(definition.encode())
    for folder in _SOURCES:
        for path in sorted((_ROOT / folder).glob("*.py")):
            found.update(path.read_bytes())
    return found.hexdigest()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assembly", type=Path, default=Path("cdk.out"))
    parser.add_argument("--out", type=Path, default=Path("out/upgrade-faults.json"))
    parser.add_argument("--only", default="", help="cases whose description holds this")
    parser.add_argument("--sample", action="store_true", help="a few of the cases")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    return parser


if __name__ == "__main__":
    sys.exit(main())

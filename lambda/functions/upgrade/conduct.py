"""Runs one state of the machine: guard, record, step, record. The handler adds only the clock.

Before any action: the upgrade's plan names this execution, the lock is the upgrade's, and inside of
the window so is the epoch. The compensation is in the plan before the action begins.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.control_table import journal, lock
from functions.upgrade import actions, debts, modes
from functions.upgrade import plan as plans
from functions.upgrade.begin import begin, require_alone
from functions.upgrade.cause import reason_of
from functions.upgrade.errors import EpochStolenError, NotYetError, SupersededError
from functions.upgrade.plan import ADDITIVE, BACK, BREAKING, ENDED, FORWARD, Plan
from functions.upgrade.site import Site
from functions.upgrade.undoing import UNDOINGS

# Asked within one call, so that a condition that holds in a moment is seen in a moment; the state
# machine's own retries are for what takes longer.
_TIMEOUT_SECONDS = 8.0
_POLL_SECONDS, _LONGEST_POLL_SECONDS = 0.25, 0.5  # writers wait for some of the conditions


class Conductor:
    """Performs the actions of an upgrade on a site."""

    def __init__(
        self,
        site: Site,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._site, self._now, self._clock, self._pause = site, now, clock, pause
        self._dynamodb = site.client("dynamodb", site.primary.region)
        self._table = site.primary.table

    def conduct(self, event: dict[str, Any]) -> dict[str, Any]:
        """Do what a state asks for; return what later states read."""
        name = event["action"]
        if name == "begin":
            plan = begin(self._site, event, first=event["step"], now=self._now())
            self._until(plan, event, lambda: require_alone(plan, now=self._now()))
            self._record(plan, "begin", "done", f"{plan.way} at {plan.at}")
            return {**self._facts(plan), "at": plan.at, "way": plan.way, "outcome": plan.outcome}
        plan = self._plan(event)
        match name:
            case "decide":
                return self._decide(plan, event)
            case "stopped":
                return self._stopped(plan, event)
            case _ if plan.way == ENDED:  # asked again, because the answer was lost
                actions.release_lock(self._site, plan)
                return self._facts(plan)
            case "owe":
                return self._owe(plan, event)
            case "note":
                self._begun(plan, event)
                return {**self._facts(plan), **self._task(plan, event)}
        if name in UNDOINGS:
            return self._undo(plan, event, name)
        self._begun(plan, event)
        self._until(plan, event, lambda: self._perform(plan, event, name))
        self._finish(plan, event)
        return self._facts(plan)

    def _perform(self, plan: Plan, event: dict[str, Any], name: str) -> None:
        actions.ACTIONS[name](self._site, plan, now=self._now(), **event.get("arguments", {}))

    def _undo(self, plan: Plan, event: dict[str, Any], name: str) -> dict[str, Any]:
        """Undo what was registered, once: a second time could undo what came after it."""
        wanted = event.get("registered_as") in plan.registered and event["step"] not in plan.undone
        if event.get("always") or wanted:
            undoing = UNDOINGS[name]
            self._until(plan, event, lambda: undoing(self._site, plan, now=self._now()))
            if event["step"] not in plan.debts:
                plan.undone.append(event["step"])
            self._finish(plan, event)
        return self._facts(plan)

    def _owe(self, plan: Plan, event: dict[str, Any]) -> dict[str, Any]:
        """List a compensation that failed, and let the others go on: users are served already."""
        row, reason = event["step"], self._reason(event.get("error") or {}, plan)
        debts.owe(plan, row, reason)
        self._save(plan)
        self._record(plan, row, "owed", reason)
        return self._facts(plan)

    def _plan(self, event: dict[str, Any]) -> Plan:
        """Return the plan, if this execution owns it. Raises SupersededError otherwise."""
        plan = plans.read(self._dynamodb, self._table, event["upgrade"])
        if plan is None or plan.execution != event["execution"]:
            owner = plan.execution if plan else "nobody"
            raise SupersededError(f"upgrade '{event['upgrade']}' is {owner}'s")
        held = lock.read(self._dynamodb, self._table)
        if plan.way != ENDED and (held is None or held.token != plan.name):
            who = "free" if held is None else f"{held.holder}'s since {held.since}"
            raise SupersededError(f"the lock is {who}")
        return plan

    def _begun(self, plan: Plan, event: dict[str, Any]) -> None:
        """Guard the epoch, register the compensation, record that the row began."""
        if plan.window and event.get("guarded", True):
            modes.require_own(self._site, plan)
        undo = event.get("undo")
        if undo and undo not in plan.registered:
            plan.registered.append(undo)
        if plan.notes.get("begun") == event["step"]:
            return  # called again
        if plan.way == FORWARD:
            plan.at = event["step"]
        plan.notes["begun"] = event["step"]
        self._save(plan)
        self._record(plan, event["step"], "begun")

    def _finish(self, plan: Plan, event: dict[str, Any]) -> None:
        self._save(plan)
        self._record(plan, event["step"], "done", plan.notes.pop("verdict", ""))
        if plan.way == ENDED:
            actions.release_lock(self._site, plan)

    def _until(self, plan: Plan, event: dict[str, Any], action: Callable[[], None]) -> None:
        """Try until a timeout; what an action has noted is kept when it has to be called again.

        Raises SupersededError where another execution has begun during a pause: an execution that
        was stopped leaves its function running for as long as that waits.
        """
        end, pause = self._clock() + _TIMEOUT_SECONDS, _POLL_SECONDS
        while True:
            try:
                return action()
            except NotYetError:
                if self._clock() >= end:
                    self._save(plan)
                    raise
            self._pause(pause)
            pause = min(2 * pause, _LONGEST_POLL_SECONDS)
            self._plan(event)

    def _task(self, plan: Plan, event: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters of the task that runs an operation."""
        variables = {
            **self._site.operations.variables,
            "UPGRADE_IMAGE": plan.image,
            "UPGRADE_WITHOUT": ",".join(plan.without),
            "UPGRADE_NAME": plan.upgrade,
            "UPGRADE_EXECUTION": plan.execution,
            "UPGRADE_WAY": plan.way,
            "UPGRADE_CLASS": plan.kind,
            "LOGINS_UNTIL": self._bake_until(plan),
        }
        return {
            "command": ["python", "-m", "service.operations", *event["command"]],
            "variables": [{"Name": name, "Value": text} for name, text in variables.items()],
        }

    def _bake_until(self, plan: Plan) -> str:
        """Return when the bake is over that began with the newest division of the traffic."""
        divided = plan.notes.get("divided", {}).get("at", self._now().isoformat())
        return (datetime.fromisoformat(divided) + timedelta(seconds=plan.bake_seconds)).isoformat()

    def _decide(self, plan: Plan, event: dict[str, Any]) -> dict[str, Any]:
        """After a failure, go back or stop. A mode that another party set stays.

        What has ended stays so: only its last answer was lost.
        """
        if plan.way == ENDED:
            return {"go": plan.outcome, "reason": plan.reason}
        error = event.get("error") or {}
        reason = self._reason(error, plan)
        stolen = error.get("Error") == EpochStolenError.__name__ and plan.window
        if plan.way == FORWARD and not plan.committed and not stolen:
            plan.way, plan.reason = BACK, reason
            self._save(plan)
            self._record(plan, plan.at, "failed", reason)
            return {"go": "back"}
        plan.reason = reason
        self._save(plan)
        return {"go": "stop"}

    def _stopped(self, plan: Plan, event: dict[str, Any]) -> dict[str, Any]:
        """Hold the lock, and READ_ONLY inside of its window; a person is notified."""
        error = event.get("error") or {}
        ended = plan.way == ENDED  # nothing is half done; the lock may be somebody else's by now
        if not ended:
            # Before anything that may take long. Out of the window and past the commit point users
            # are served, and would be no better off without their writes.
            if plan.window and not plan.committed:
                modes.hold(self._site, plan, at=self._now())
            plan.outcome = "stopped"
            self._save(plan)
        reason = self._reason(error, plan)
        if not ended:
            plan.reason = reason
            self._save(plan)
            self._record(plan, plan.at, "stopped", reason)
        # The notice and the execution's own cause have it in place of a task's whole description.
        named = {"Error": error.get("Error", "unknown"), "Cause": reason}
        return {"outcome": plan.outcome, "reason": reason, "error": named}

    def _reason(self, error: dict[str, Any], plan: Plan) -> str:
        return reason_of(error, self._site, plan, pause=self._pause)

    def _facts(self, plan: Plan) -> dict[str, Any]:
        """Return what later states read."""
        own = plan.revisions.get(self._site.primary.region, {})
        return {
            "operations": own.get(actions.OPERATIONS, plan.before["operations"]),
            "class": BREAKING if plan.has_window else ADDITIVE,
            # Operations of the undoing, which need no second run.
            "database": "database" in plan.registered and "database" not in plan.undone,
            "replication": not {"database", "replication"}.isdisjoint(plan.registered),
            "reason": plan.reason,
        }

    def _save(self, plan: Plan) -> None:
        plans.write(self._dynamodb, self._table, plan)

    def _record(self, plan: Plan, step: str, state: str, detail: str = "") -> None:
        """Write a line of the journal, and one of the log."""
        print(json.dumps({"upgrade": plan.upgrade, "step": step, "state": state, "why": detail}))
        journal.append(
            self._dynamodb,
            self._table,
            plan.upgrade,
            step=step,
            state=state,
            at=self._now(),
            detail=detail,
        )

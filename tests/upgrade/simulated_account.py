"""An upgrade in two Regions in memory: its machine, its faults, and how it ends."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from functions import reader_parity
from functions.control_table import mode, plan_owner
from functions.upgrade import plan as plans
from functions.upgrade.conduct import Conductor
from tests.upgrade.databases import RefusedError
from tests.upgrade.fake_rds import MOST, SOURCE, TARGET
from tests.upgrade.fault import ALARM_RINGS, AWAY, IN_FULL, OPENED, SCALES, SPOILT, Fault
from tests.upgrade.interpreter import Machine, TaskError
from tests.upgrade.regions import LOG_GROUP, NEW, OLD, PAGER, PRIMARY, STANDBY, aws
from tests.upgrade.simulated_world import SimulatedWorld

UPGRADE = "release-2"
Operation = Callable[[], None]  # what a task does
UPGRADED, ROLLED_BACK = "upgraded", "rolled back exactly"
STOPPED = "stopped safely, READ_ONLY, lock held, operator notified"
SERVED = "stopped with every user served, lock held, operator notified"
ENDS = (UPGRADED, ROLLED_BACK, STOPPED, SERVED)  # of every run


_PAUSE_SECONDS = 2.0  # at least: what asks more often in virtual time only costs the CPU's
_LAST = ("Undo: confirm", "Release the lock")
# On the way back; in any other order it is a time-out after the effect.
_BEFORE_IT_IS_ENDED = ("Take the lock", "Back or stop", "Undo: end what still runs")


@dataclass
class SimulatedAccount(SimulatedWorld):
    """`violations` is what must never be, seen after every effect."""

    faults: list[Fault] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    smoked: bool = False
    dead: bool = False
    exit_code: int = 1  # of an operation that fails
    killed: dict[str, str] = field(default_factory=dict)  # its container's reason, if it was
    before_state: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        self._lingering: tuple[Operation, dict[str, Any]] | None = None  # with its task
        self._late = False  # nothing ends it in time
        super().__post_init__()

    def machine(self) -> Machine:
        return Machine(
            function=self._function, task=self._task, publish=self._struck, sleep=self.sleep
        )

    def _function(self, state: str, event: dict[str, Any]) -> dict[str, Any]:
        return self._struck(state, lambda: self._conduct(event))

    def _conduct(self, event: dict[str, Any]) -> dict[str, Any]:
        start = self.now
        conductor = Conductor(
            self.site,
            now=lambda: self.now,
            clock=lambda: (self.now - start).total_seconds(),
            pause=lambda seconds: self.sleep(max(seconds, _PAUSE_SECONDS)),
        )
        return conductor.conduct(event)

    def _task(self, state: str, given: dict[str, Any]) -> dict[str, Any]:
        def begin() -> None:
            task, effect = self._start_operation(given)
            self._print(task, {"waits": "for a lock"})
            self._lingering = (effect, task)

        return self._struck(state, lambda: self._operate(given), begin=begin)

    def _operate(self, given: dict[str, Any]) -> dict[str, Any]:
        task, effect = self._start_operation(given)
        try:
            effect()
        except (RefusedError, plan_owner.NotOwnedError) as error:
            self._print(task, {"failed": "RefusedError", "reason": str(error)})
            task["containers"] = [{"name": "operations", "exitCode": self.exit_code, **self.killed}]
            task["stoppedReason"] = "Essential container in task exited"
            raise TaskError("States.TaskFailed", json.dumps(_pascal(task), default=str)) from None
        finally:
            task.update(lastStatus="STOPPED", desiredStatus="STOPPED")
        self.sleep(2)
        return {"TaskArn": task["taskArn"], "LastStatus": "STOPPED"}

    def _print(self, task: dict[str, Any], line: dict[str, Any]) -> None:
        """Write a line where Amazon ECS sends those of the operations' container."""
        stream = f"operations/operations/{task['taskArn'].rpartition('/')[2]}"
        logs, now = aws("logs", PRIMARY), int(time.time() * 1_000)
        logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName=stream)
        events: Any = [{"timestamp": now, "message": json.dumps(line)}]
        logs.put_log_events(logGroupName=LOG_GROUP, logStreamName=stream, logEvents=events)

    def _start_operation(self, given: dict[str, Any]) -> tuple[dict[str, Any], Operation]:
        [override] = given["overrides"]["containerOverrides"]
        variables = {each["name"]: each["value"] for each in override["environment"]}
        *_, word, effect = override["command"]
        assert word == "upgrade"
        # By the name that the function knows; the template's is an ARN in another stack.
        cluster, ecs = self.site.operations.cluster, self.ecs[PRIMARY]
        task = ecs.start_task(cluster, given["taskDefinition"], given["group"])
        return task, lambda: self._effect(effect, variables)

    def _effect(self, effect: str, variables: dict[str, str]) -> None:
        if effect == "smoke":
            self._smoke()
        elif effect.startswith("logins-"):
            self._log_in(effect, datetime.fromisoformat(variables["LOGINS_UNTIL"]))
        else:
            plan_owner.require_owned(
                self.tables[PRIMARY],
                f"control-{PRIMARY}",
                upgrade=variables["UPGRADE_NAME"],
                execution=variables["UPGRADE_EXECUTION"],
                way=variables["UPGRADE_WAY"],
            )
            without = [name for name in variables["UPGRADE_WITHOUT"].split(",") if name]
            self.databases.run(effect, without, variables["UPGRADE_CLASS"])

    def _smoke(self) -> None:
        serving = self.ecs[PRIMARY].running("app", "green")
        images = {self._image(PRIMARY, task) for task in serving}
        if images != {NEW} or self.databases.a != self.databases.target:
            raise RefusedError(f"green answers as {images} on version {self.databases.a}")
        if NEW in self.ecs[PRIMARY].broken:
            raise RefusedError("no login succeeds on the new code")
        self.smoked = True

    def _log_in(self, effect: str, until: datetime) -> None:
        """The canary on both halves in turn, until the bake is over; in full, a few times."""
        new = self._runs_new_code("green") and not self.unlike
        if new and self.spoilt in SPOILT:
            raise RefusedError(f"logins on the new code: {self.spoilt}")
        in_full = effect == "logins-at-all"
        if new and in_full and self.spoilt == IN_FULL:
            raise RefusedError(f"logins on the new code: {self.spoilt}")
        if not in_full:
            self.sleep(max(0.0, (until - self.now).total_seconds()))

    def _struck(
        self, state: str, effect: Callable[[], Any], begin: Callable[[], None] = lambda: None
    ) -> Any:
        """Have the effect, unless a fault prevents it; `begin` is what lingers of a task."""
        if self.dead:
            raise TaskError("Killed", "the interpreter is gone")
        self._linger(state)
        self.before_state(state)
        fault = next((each for each in self.faults if each.strikes(state)), None)
        if fault is None:
            return self._watched(effect)
        if fault.kind in ("alarm-primary", "alarm-standby", "opened"):
            self._write_mode(fault.kind)
            return self._watched(effect)
        if fault.kind in AWAY:
            self._lose(fault.kind)
            return self._watched(effect)
        if fault.kind in (*SPOILT, IN_FULL):
            self.spoilt = fault.kind
            return self._watched(effect)
        if fault.kind in SCALES:
            self.autoscaler.scale(SCALES[fault.kind])
            return self._watched(effect)
        if fault.kind.endswith("after"):
            fault.hits -= 1  # a call that is to be repeated has had no effect to fail after
            self._watched(effect)
            fault.hits += 1
        if fault.kind.endswith(("lingers", "late")):
            self._late = fault.kind.endswith("late")
            begin()
        self.dead = fault.kind.startswith("kill")
        timed_out = fault.kind in ("timeout-before", "timeout-after", "lingers")
        raise TaskError("States.Timeout" if timed_out else "Injected", f"{fault.kind} at {state}")

    def _linger(self, state: str) -> None:
        """A task that still runs has its effect, later than anybody waited for it."""
        if self._lingering is None or state in _BEFORE_IT_IS_ENDED:
            return
        if self._late and state not in _LAST:
            return
        (effect, task), self._lingering = self._lingering, None
        if task["desiredStatus"] == "RUNNING" or self._late:
            with suppress(RefusedError, plan_owner.NotOwnedError):
                effect()
            task.update(lastStatus="STOPPED", desiredStatus="STOPPED")

    def _lose(self, kind: str) -> None:
        if kind == "standby-away":
            self.unreachable.add(STANDBY)
        else:
            self.databases.dead.add(kind.removesuffix("-dead"))

    def repair(self) -> None:
        """Have every helper answer again."""
        self.unreachable.clear()
        self.databases.dead.clear()

    def _write_mode(self, kind: str) -> None:
        """Somebody else changes the mode of a Region."""
        region = STANDBY if kind == "alarm-standby" else PRIMARY
        dynamodb, table = self.tables[region], f"control-{region}"
        if kind != "opened":
            self.taken.add(region)
            mode.enter_read_only(dynamodb, table, reason="lag", by=ALARM_RINGS, at=self.now)
        elif (found := self.mode(region)).mode == mode.Mode.READ_ONLY:
            mode.leave_read_only(
                dynamodb, table, epoch=found.epoch, reason="impatience", by=OPENED, at=self.now
            )

    def _watched(self, effect: Callable[[], Any]) -> Any:
        try:
            return effect()
        finally:
            self._watch()

    def _watch(self) -> None:
        """What must never be, at any moment."""
        databases = self.databases
        writable = self.mode(PRIMARY).mode == mode.Mode.READ_WRITE and not databases.fenced
        databases.written |= writable and databases.a != databases.b and not databases.adds
        if databases.lost:
            self._violated("what users wrote in the new schema is lost")
        for half, weight in self.routed().items():
            for task in self.ecs[PRIMARY].running("app", half) if weight else ():
                speaks = 1 if self._image(PRIMARY, task) == OLD else databases.target
                fits = speaks <= databases.a if databases.adds else speaks == databases.a
                if writable and not fits:
                    self._violated(f"READ_WRITE, and {half} speaks {speaks} to {databases.a}")
                if speaks == databases.target != 1 and not self.smoked:
                    self._violated(f"{half} has traffic on new code before its smoke test")
                if speaks == 1 and databases.b != 1 and not databases.adds:
                    self._violated(f"{half} has traffic on old code, and no store of its schema")
        for half, weight in self.routed().items():
            if weight and not self.ecs[PRIMARY].running("app", half):
                self._violated(f"{half} was stopped while a node of the load balancer sends to it")
        if databases.adds and self.mode(PRIMARY).mode != mode.Mode.READ_WRITE and not self.taken:
            self._violated("READ_ONLY, and the release only adds")
        state = self.mode(PRIMARY)
        if state.by == f"upgrade {UPGRADE}" and state.mode == mode.Mode.READ_ONLY:
            readers = {name: reader_parity.available(self.rds, name) for name in (SOURCE, TARGET)}
            if readers[TARGET] < min(readers[SOURCE], MOST):
                self._violated(f"all reads go to B, and the readers are {readers}")
        for short in self.autoscaler.short():
            self._violated(short)
        if self.spoilt in SPOILT and any(
            weight > 10 and self._runs_new_code(half) for half, weight in self.weights().items()
        ):
            self._violated(f"a release with {self.spoilt} has more than a tenth")
        for region in self.taken:
            if self.mode(region).by != ALARM_RINGS:
                self._violated(f"the READ_ONLY of an alarm in {region} was left")
        left_out = self._left_out()
        ends = [_but(left_out, each) for each in (self._first(), self._upgraded())]
        if self.lock() is None and _but(left_out, self.state()) not in ends:
            self._violated("something is half done, and nobody holds the lock")

    def _left_out(self) -> set[str]:
        """Return the helpers whose debts an ended upgrade lists."""
        plan = plans.read(self.tables[PRIMARY], f"control-{PRIMARY}", UPGRADE)
        if plan is None or plan.way != plans.ENDED:
            return set()
        return {debt["helper"] for debt in plan.debts.values()}

    def _violated(self, what: str) -> None:
        if what not in self.violations:
            self.violations.append(what)

    def outcome(self, ended: dict[str, Any]) -> str:
        """One of the three ways to end, or what is wrong with this one."""
        state, held, error = self.state(), self.lock(), ended.get("error")
        notices = self.notices()
        if self.violations:
            return f"WRONG: {'; '.join(self.violations)}"
        if state == self._upgraded() and held is None and ended["status"] == "SUCCEEDED":
            return UPGRADED
        back = error in ("Upgrade.RolledBack", "Upgrade.Refused")
        if state == self._first() and held is None and back:
            return ROLLED_BACK
        read_only = all(each == "READ_ONLY" for each in state["modes"].values())
        own = held is not None and held.token == f"upgrade {UPGRADE}"
        why = ended.get("cause")
        if error == "Upgrade.Stopped" and own and why and why in notices:
            if read_only:
                return STOPPED
            if self._serves():
                return SERVED
        return (
            f"WRONG: {ended['status']} {error}, lock {held}, notices {notices}, "
            f"{_difference(self._first(), state)}"
        )

    def _serves(self) -> bool:
        """Return whether users can log in and write; what speaks which schema is watched always."""
        opened = self.mode(PRIMARY).mode == mode.Mode.READ_WRITE and not self.databases.fenced
        # Another's READ_ONLY is theirs to leave.
        return opened or self.mode(PRIMARY).by in (ALARM_RINGS, "alarm writer", "an alarm")

    def notices(self) -> list[str]:
        """Return why upgrades stopped, as the topic published since the last look."""
        queue = aws("sqs", PRIMARY).get_queue_url(QueueName=PAGER)["QueueUrl"]
        found = aws("sqs", PRIMARY).receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        messages = [json.loads(each["Body"]) for each in found.get("Messages", ())]
        return [each["why"] for each in messages if each["upgrade"] == UPGRADE]


def _pascal(value: Any) -> Any:
    """Return a description with Step Functions' names in it."""
    if isinstance(value, dict):
        return {name[0].upper() + name[1:]: _pascal(each) for name, each in value.items()}
    return [_pascal(each) for each in value] if isinstance(value, list) else value


def _but(helpers: set[str], state: dict[str, Any]) -> dict[str, Any]:
    """Return a state without the parts of helpers, "standby" or "follower"."""
    found = {name: dict(part) if isinstance(part, dict) else part for name, part in state.items()}
    if "standby" in helpers:
        del found["dns"], found["modes"][STANDBY]
        for name in ("services", "live"):
            found[name] = {key: each for key, each in found[name].items() if key[0] != STANDBY}
    if "follower" in helpers:
        databases = found["databases"]
        del databases["follower"]
        databases["links"] = {
            link: on for link, on in databases["links"].items() if "follower" not in link
        }
    return found


def _difference(wanted: dict[str, Any], found: dict[str, Any]) -> str:
    return str({name: found[name] for name in wanted if wanted[name] != found[name]})

"""Two Regions in memory, and the whole of what an upgrade may leave different in them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.control_table import lock, mode
from functions.control_table.acknowledgements import acknowledge
from functions.upgrade.conduct import Conductor
from functions.upgrade.site import Site, site_of
from tests.upgrade.databases import Databases, RefusedError
from tests.upgrade.fake_dynamodb import FakeDynamoDb
from tests.upgrade.fake_ecs import FakeEcs
from tests.upgrade.interpreter import Machine, TaskError
from tests.upgrade.regions import (
    ALARM,
    LOG_GROUP,
    NEW,
    OLD,
    PAGER,
    PRIMARY,
    STANDBY,
    Balancers,
    CloudWatch,
    aws,
    described,
    make_balancer,
    make_pager,
    make_region,
)

UPGRADE = "release-2"
UPGRADED, ROLLED_BACK = "upgraded", "rolled back exactly"
STOPPED = "stopped safely, READ_ONLY, lock held, operator notified"
ENDS = (UPGRADED, ROLLED_BACK, STOPPED)  # of every run


_PAUSE_SECONDS = 2.0  # at least: what asks more often in virtual time only costs the CPU's
# On the way back; in any other order it is a time-out after the effect.
_BEFORE_IT_IS_ENDED = ("Take the lock", "Back or stop", "Undo: end what still runs")
ALARM_RINGS, OPENED = "an alarm", "somebody"  # who else writes the mode


@dataclass
class Fault:
    """At one state: what happens, and how often.

    An error `before` its effect or `after` it; a time-out likewise, or of a task that `lingers` and
    has its effect at the next state, unless it is ended; the interpreter is killed; another writer
    of the mode comes between: an alarm in one of the Regions, or somebody who opens the primary.
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


@dataclass
class SimulatedAccount:
    """Made inside of moto; `violations` is what must never be, seen after every effect."""

    databases: Databases = field(default_factory=Databases)
    faults: list[Fault] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    now: datetime = datetime(2026, 11, 25, 12, tzinfo=UTC)
    smoked: bool = False
    dead: bool = False
    exit_code: int = 1  # of an operation that fails
    killed: dict[str, str] = field(default_factory=dict)  # its container's reason, if it was
    before_state: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        self.ecs = {place: FakeEcs(place, self._changed) for place in (PRIMARY, STANDBY)}
        self.tables = {place: FakeDynamoDb(f"control-{place}") for place in (PRIMARY, STANDBY)}
        self.balancers = Balancers()
        self.rule, self.groups = make_balancer()
        self._acknowledged: dict[str, tuple[int, datetime]] = {}
        self._lingering: tuple[str, dict[str, Any]] | None = None  # an operation, and its task
        self.taken: set[str] = set()  # Regions that an alarm keeps in READ_ONLY
        make_pager()
        for region in (PRIMARY, STANDBY):
            mode.begin(self.tables[region], f"control-{region}", by="test", at=self.now)
            make_region(region, self.ecs[region], self.groups)
        self.site: Site = site_of(json.dumps(described(self.rule, self.groups)), self.client)
        self._acknowledge()
        self.at_first = self.state()

    def client(self, service: str, region: str) -> Any:
        if service == "ecs":
            return self.ecs[region]
        if service == "dynamodb":
            return self.tables[region]
        if service == "cloudwatch":
            return CloudWatch(region)
        if service == "elbv2":
            return self.balancers if region == PRIMARY else aws("elbv2", region)
        return aws(service, region)

    # What the machine reaches.

    def machine(self) -> Machine:
        return Machine(
            function=self._function, task=self._task, publish=self._struck, sleep=self.sleep
        )

    def sleep(self, seconds: float) -> None:
        """Time passes: tasks obey the current mode, and acknowledge it."""
        self.now += timedelta(seconds=seconds)
        self._acknowledge()

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
            self._effect(effect)
        except RefusedError as error:
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

    def _start_operation(self, given: dict[str, Any]) -> tuple[dict[str, Any], str]:
        [override] = given["overrides"]["containerOverrides"]
        *_, word, effect = override["command"]
        assert word == "upgrade"
        # By the name that the function knows; the template's is an ARN in another stack.
        cluster, ecs = self.site.operations.cluster, self.ecs[PRIMARY]
        return ecs.start_task(cluster, given["taskDefinition"], given["group"]), effect

    def _effect(self, effect: str) -> None:
        if effect == "smoke":
            self._smoke()
        else:
            self.databases.run(effect)

    def _smoke(self) -> None:
        serving = self.ecs[PRIMARY].running("app", "green")
        images = {self._image(PRIMARY, task) for task in serving}
        if images != {NEW} or self.databases.a != self.databases.target:
            raise RefusedError(f"green answers as {images} on version {self.databases.a}")
        if NEW in self.ecs[PRIMARY].broken:
            raise RefusedError("no login succeeds on the new code")
        self.smoked = True

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
        if fault.kind.endswith("after"):
            fault.hits -= 1  # a call that is to be repeated has had no effect to fail after
            self._watched(effect)
            fault.hits += 1
        if fault.kind.endswith("lingers"):
            begin()
        self.dead = fault.kind.startswith("kill")
        timed_out = fault.kind in ("timeout-before", "timeout-after", "lingers")
        raise TaskError("States.Timeout" if timed_out else "Injected", f"{fault.kind} at {state}")

    def _linger(self, state: str) -> None:
        """A task that still runs has its effect, later than anybody waited for it."""
        if self._lingering is None or state in _BEFORE_IT_IS_ENDED:
            return
        (effect, task), self._lingering = self._lingering, None
        if task["desiredStatus"] == "RUNNING":
            with suppress(RefusedError):
                self._effect(effect)
            task.update(lastStatus="STOPPED", desiredStatus="STOPPED")

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
        databases, weights = self.databases, self.weights()
        writable = self.mode(PRIMARY).mode == mode.Mode.READ_WRITE and not databases.fenced
        databases.written |= writable and databases.a != databases.b
        if databases.lost:
            self._violated("what users wrote in the new schema is lost")
        for half, weight in weights.items():
            for task in self.ecs[PRIMARY].running("app", half) if weight else ():
                speaks = 1 if self._image(PRIMARY, task) == OLD else databases.target
                if writable and speaks != databases.a:
                    self._violated(f"READ_WRITE, and {half} speaks {speaks} to {databases.a}")
                if speaks == databases.target != 1 and not self.smoked:
                    self._violated(f"{half} has traffic on new code before its smoke test")
                if speaks == 1 and databases.b != 1:
                    self._violated(f"{half} has traffic on old code, and no store of its schema")
        for region in self.taken:
            if self.mode(region).by != ALARM_RINGS:
                self._violated(f"the READ_ONLY of an alarm in {region} was left")
        if self.lock() is None and self.state() not in (self._first(), self._upgraded()):
            self._violated("something is half done, and nobody holds the lock")

    def _violated(self, what: str) -> None:
        if what not in self.violations:
            self.violations.append(what)

    # What there is.

    def mode(self, region: str) -> mode.State:
        found = mode.read(self.tables[region], f"control-{region}")
        assert found is not None
        return found

    def weights(self) -> dict[str, int]:
        [rule] = self.balancers.describe_rules(RuleArns=[self.rule])["Rules"]
        groups = rule["Actions"][-1]["ForwardConfig"]["TargetGroups"]
        by_group = {group["TargetGroupArn"]: group["Weight"] for group in groups}
        return {half: by_group[self.groups[half]] for half in ("blue", "green")}

    def lock(self) -> lock.Lock | None:
        return lock.read(self.tables[PRIMARY], f"control-{PRIMARY}")

    def state(self) -> dict[str, Any]:
        """Everything that an upgrade changes: compared as a whole, with what it was."""
        databases = asdict(self.databases)
        for name in ("transaction", "written", "lost"):  # the first only gains
            databases.pop(name)
        return {
            "weights": self.weights(),
            "modes": {region: str(self.mode(region).mode) for region in self.ecs},
            "databases": databases,
            "services": {
                (region, *key): {
                    "count": service["desiredCount"],
                    "running": len(self.ecs[region].running(*key)),
                    "image": self._image(region, service),
                    "suspended": self._suspended(region, *key),
                }
                for region, ecs in self.ecs.items()
                for key, service in ecs.services.items()
            },
            "live": {
                (region, family): self.ecs[region].definition(family)["containerDefinitions"][0][
                    "image"
                ]
                for region in self.ecs
                for family in ("app-blue", "app-green", "app-worker", "operations")
            },
            "dns": self.exit_alarm(),
        }

    def _first(self) -> dict[str, Any]:
        """The first state, but for the modes that somebody else has changed since."""
        modes = {**self.at_first["modes"], **dict.fromkeys(self.taken, "READ_ONLY")}
        return {**self.at_first, "modes": modes}

    def _upgraded(self) -> dict[str, Any]:
        """The first state with the release in it."""
        wanted = _released(self._first())
        for (region, cluster, _), service in wanted["services"].items():
            if cluster == "edge":
                service["image"] = self.at_first["services"][region, cluster, _]["image"]
        wanted["live"][STANDBY, "operations"] = OLD
        wanted["databases"].update(dict.fromkeys(("a", "b", "follower"), self.databases.target))
        return wanted

    def exit_alarm(self) -> str:
        return CloudWatch(PRIMARY).describe_alarms(AlarmNames=[ALARM])["MetricAlarms"][0][
            "StateValue"
        ]

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
        if error == "Upgrade.Stopped" and own and read_only and why and why in notices:
            return STOPPED
        return (
            f"WRONG: {ended['status']} {error}, lock {held}, notices {notices}, "
            f"{_difference(self._first(), state)}"
        )

    def notices(self) -> list[str]:
        """Return why upgrades stopped, as the topic published since the last look."""
        queue = aws("sqs", PRIMARY).get_queue_url(QueueName=PAGER)["QueueUrl"]
        found = aws("sqs", PRIMARY).receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        messages = [json.loads(each["Body"]) for each in found.get("Messages", ())]
        return [each["why"] for each in messages if each["upgrade"] == UPGRADE]

    def _changed(self, service: dict[str, Any]) -> None:
        """The load balancer sees the tasks that there are."""
        group = self.groups.get(service["serviceName"])
        if group is None or service not in self.ecs[PRIMARY].services.values():
            return
        elbv2 = aws("elbv2", PRIMARY)
        there = elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        if there:
            elbv2.deregister_targets(
                TargetGroupArn=group, Targets=[each["Target"] for each in there]
            )
        running = self.ecs[PRIMARY].running("app", service["serviceName"])
        targets = [{"Id": f"10.0.0.{n}", "Port": 8080} for n, _ in enumerate(running, start=4)]
        if targets:
            elbv2.register_targets(TargetGroupArn=group, Targets=targets)

    def _acknowledge(self) -> None:
        """Acknowledge for the primary, which alone is waited for; each again after five minutes."""
        state, ecs = self.mode(PRIMARY), self.ecs[PRIMARY]
        for cluster, name in (("app", "blue"), ("app", "green"), ("edge", "edge")):
            for task in ecs.running(cluster, name):
                task_id = task["taskArn"].rpartition("/")[2]
                epoch, at = self._acknowledged.get(task_id, (0, self.now))
                if epoch == state.epoch and self.now - at < timedelta(minutes=5):
                    continue
                self._acknowledged[task_id] = (state.epoch, self.now)
                acknowledge(
                    self.tables[PRIMARY],
                    f"control-{PRIMARY}",
                    layer=cluster,
                    task_id=task_id,
                    state=state,
                    at=self.now,
                )

    def _image(self, region: str, holder: dict[str, Any]) -> str:
        arn = holder.get("taskDefinitionArn") or holder["taskDefinition"]
        return self.ecs[region].definition(arn)["containerDefinitions"][0]["image"]

    def _suspended(self, region: str, cluster: str, name: str) -> Any:
        found = aws("application-autoscaling", region).describe_scalable_targets(
            ServiceNamespace="ecs", ResourceIds=[f"service/{cluster}/{name}"]
        )["ScalableTargets"]
        state = found[0].get("SuspendedState", {}) if found else {}
        return sorted(name for name, value in state.items() if value)


def _pascal(value: Any) -> Any:
    """Return a description with Step Functions' names in it."""
    if isinstance(value, dict):
        return {name[0].upper() + name[1:]: _pascal(each) for name, each in value.items()}
    return [_pascal(each) for each in value] if isinstance(value, list) else value


def _released(value: Any) -> Any:
    """Return a copy with the new image wherever the old one is."""
    if isinstance(value, dict):
        return {key: _released(each) for key, each in value.items()}
    return NEW if value == OLD else value


def _difference(wanted: dict[str, Any], found: dict[str, Any]) -> str:
    return str({name: found[name] for name in wanted if wanted[name] != found[name]})

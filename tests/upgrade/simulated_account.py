"""Two Regions in memory, and the whole of what an upgrade may leave different in them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import EndpointConnectionError

from functions.control_table import lock, mode, plan_owner
from functions.control_table.acknowledgements import acknowledge
from functions.upgrade import plan as plans
from functions.upgrade.conduct import Conductor
from functions.upgrade.site import Site, site_of
from tests.upgrade.autoscaler import Autoscaler, limits
from tests.upgrade.databases import Databases, RefusedError
from tests.upgrade.fake_dynamodb import FakeDynamoDb
from tests.upgrade.fake_ecs import FakeEcs
from tests.upgrade.interpreter import Machine, TaskError
from tests.upgrade.regions import (
    ALARM,
    COUNT,
    LOG_GROUP,
    NEW,
    OLD,
    PAGER,
    PRIMARY,
    SCALED,
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
Operation = Callable[[], None]  # what a task does
UPGRADED, ROLLED_BACK = "upgraded", "rolled back exactly"
STOPPED = "stopped safely, READ_ONLY, lock held, operator notified"
SERVED = "stopped with every user served, lock held, operator notified"
ENDS = (UPGRADED, ROLLED_BACK, STOPPED, SERVED)  # of every run


_PAUSE_SECONDS = 2.0  # at least: what asks more often in virtual time only costs the CPU's
_LAST = ("Undo: confirm", "Release the lock")
# On the way back; in any other order it is a time-out after the effect.
_BEFORE_IT_IS_ENDED = ("Take the lock", "Back or stop", "Undo: end what still runs")
PROPAGATION = timedelta(seconds=8)  # from a change of weights to the last node that goes by it
ALARM_RINGS, OPENED = "an alarm", "somebody"  # who else writes the mode
SCALES = {"scales-out": 1, "scales-in": -1}  # every service that it may
SPOILT = ("login-401", "login-503", "no-connection", "slow-release")  # of the release
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


@dataclass
class SimulatedAccount:
    """Made inside of moto; `violations` is what must never be, seen after every effect."""

    databases: Databases = field(default_factory=Databases)
    faults: list[Fault] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    now: datetime = datetime(2026, 11, 25, 12, tzinfo=UTC)
    smoked: bool = False
    called: bool = True  # users come
    spoilt: str = ""  # what the release does to users, one of SPOILT
    dead: bool = False
    exit_code: int = 1  # of an operation that fails
    killed: dict[str, str] = field(default_factory=dict)  # its container's reason, if it was
    before_state: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        self.ecs = {place: FakeEcs(place, self._changed) for place in (PRIMARY, STANDBY)}
        self.tables = {place: FakeDynamoDb(f"control-{place}") for place in (PRIMARY, STANDBY)}
        self.autoscaler = Autoscaler(self.ecs, self.weights)
        self.balancers = Balancers(self._divided)
        self.divided: list[tuple[datetime, dict[str, int]]] = []  # when, and how
        self.rule, self.groups = make_balancer()
        self._acknowledged: dict[str, tuple[int, datetime]] = {}
        self._lingering: tuple[Operation, dict[str, Any]] | None = None  # with its task
        self._late = False  # nothing ends it in time
        self.unreachable: set[str] = set()  # Regions
        self.deaf: set[str] = set()  # tasks that acknowledge nothing
        self.taken: set[str] = set()  # Regions that an alarm keeps in READ_ONLY
        make_pager()
        for region in (PRIMARY, STANDBY):
            mode.begin(self.tables[region], f"control-{region}", by="test", at=self.now)
            make_region(region, self.ecs[region])
        self.site: Site = site_of(json.dumps(described(self.rule, self.groups)), self.client)
        self._acknowledge()
        self.divided.append((self.now - timedelta(days=1), self.weights()))
        self.at_first = self.state()

    def client(self, service: str, region: str) -> Any:
        """Return what the upgrade asks: nothing of a Region that is out of reach answers."""
        if region in self.unreachable:
            return Unreachable(region, self.tables[region].exceptions)
        if service == "ecs":
            return self.ecs[region]
        if service == "dynamodb":
            return self.tables[region]
        if service == "cloudwatch":
            return CloudWatch(region, self._requests)
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
        else:
            plan_owner.require_owned(
                self.tables[PRIMARY],
                f"control-{PRIMARY}",
                upgrade=variables["UPGRADE_NAME"],
                execution=variables["UPGRADE_EXECUTION"],
                way=variables["UPGRADE_WAY"],
            )
            without = [name for name in variables["UPGRADE_WITHOUT"].split(",") if name]
            self.databases.run(effect, without)

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
        if fault.kind in AWAY:
            self._lose(fault.kind)
            return self._watched(effect)
        if fault.kind in SPOILT:
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
        databases.written |= writable and databases.a != databases.b
        if databases.lost:
            self._violated("what users wrote in the new schema is lost")
        for half, weight in self.routed().items():
            for task in self.ecs[PRIMARY].running("app", half) if weight else ():
                speaks = 1 if self._image(PRIMARY, task) == OLD else databases.target
                if writable and speaks != databases.a:
                    self._violated(f"READ_WRITE, and {half} speaks {speaks} to {databases.a}")
                if speaks == databases.target != 1 and not self.smoked:
                    self._violated(f"{half} has traffic on new code before its smoke test")
                if speaks == 1 and databases.b != 1:
                    self._violated(f"{half} has traffic on old code, and no store of its schema")
        for half, weight in self.routed().items():
            if weight and not self.ecs[PRIMARY].running("app", half):
                self._violated(f"{half} was stopped while a node of the load balancer sends to it")
        for short in self.autoscaler.short():
            self._violated(short)
        if self.spoilt and any(
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

    def _divided(self) -> None:
        self.divided.append((self.now, self.weights()))

    def routed(self) -> dict[str, int]:
        """Return the weights that some node of the load balancer may still go by, the greatest."""
        known = self.now - PROPAGATION
        at = max(n for n, (since, _) in enumerate(self.divided) if since <= known)
        some = [weights for _, weights in self.divided[at:]]
        return {half: max(weights[half] for weights in some) for half in some[0]}

    def _requests(
        self,
        group: str,
        *,
        MetricName: str,  # noqa: N803 (the API's names)
        StartTime: datetime,  # noqa: N803 (so too)
        EndTime: datetime,  # noqa: N803 (so too)
        **_: Any,
    ) -> Any:
        """Return what CloudWatch has: minutes of a half with traffic, a minute after their end."""
        [half] = [name for name, arn in self.groups.items() if arn.endswith(group)]
        points, minute, start = [], timedelta(minutes=1), StartTime
        while self.called and start + 2 * minute <= min(EndTime, self.now):
            weight = max(
                (
                    weights[half]
                    for n, (since, weights) in enumerate(self.divided)
                    if since < start + minute
                    and (n + 1 == len(self.divided) or self.divided[n + 1][0] + PROPAGATION > start)
                ),
                default=0,
            )
            if weight:
                new = self._runs_new_code(half)
                points.append({"Timestamp": start, **self._measured(MetricName, weight, new)})
            start += minute
        return {"Datapoints": points}

    def _runs_new_code(self, half: str) -> bool:
        return any(
            self._image(PRIMARY, task) == NEW for task in self.ecs[PRIMARY].running("app", half)
        )

    def _measured(self, metric: str, weight: int, new: bool) -> dict[str, Any]:
        """Return a minute of a metric, of ten requests for each part of the weights."""
        requests, spoilt = 10.0 * weight, self.spoilt if new else ""
        if metric == "TargetResponseTime":
            return {"ExtendedStatistics": {"p99": 2.0 if spoilt == "slow-release" else 0.2}}
        failed = {
            "HTTPCode_Target_4XX_Count": 0.4 if spoilt == "login-401" else 0.03,
            "HTTPCode_Target_5XX_Count": 0.2 if spoilt == "login-503" else 0.001,
            "TargetConnectionErrorCount": 0.1 if spoilt == "no-connection" else 0.0,
        }
        return {"Sum": requests * failed.get(metric, 1.0)}

    def _left_out(self) -> set[str]:
        """Return the helpers whose debts an ended upgrade lists."""
        plan = plans.read(self.tables[PRIMARY], f"control-{PRIMARY}", UPGRADE)
        if plan is None or plan.way != plans.ENDED:
            return set()
        return {debt["helper"] for debt in plan.debts.values()}

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
        databases, acted = asdict(self.databases), self.autoscaler.acted
        for name in ("transaction", "written", "lost", "dead"):  # the first only gains
            databases.pop(name)
        return {
            "weights": self.weights(),
            "modes": {region: str(self.mode(region).mode) for region in self.ecs},
            "databases": databases,
            "services": {
                (region, *key): {
                    **(self._within(region, *key) if acted else self._counts(region, *key)),
                    "image": self._image(region, service),
                    "scaling": self._scaling(region, *key),
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
                if task["taskArn"] in self.deaf:
                    continue
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

    def _counts(self, region: str, cluster: str, name: str) -> dict[str, Any]:
        service = self.ecs[region].services[cluster, name]
        return {
            "count": service["desiredCount"],
            "running": len(self.ecs[region].running(cluster, name)),
        }

    def _within(self, region: str, cluster: str, name: str) -> dict[str, Any]:
        """Return the counts as at first wherever an autoscaler may have left them so."""
        found = self._counts(region, cluster, name)
        if (cluster, name) in SCALED and found["count"] == found["running"]:
            target = limits(region, cluster, name)
            if target["MinCapacity"] <= found["count"] <= target["MaxCapacity"]:
                return {"count": COUNT, "running": COUNT}
        return found

    def _scaling(self, region: str, cluster: str, name: str) -> Any:
        if (cluster, name) not in SCALED:
            return None
        found = limits(region, cluster, name)
        suspended = sorted(key for key, on in found.get("SuspendedState", {}).items() if on)
        return found["MinCapacity"], found["MaxCapacity"], suspended


class Unreachable:
    """A client whose calls find nobody."""

    def __init__(self, region: str, exceptions: Any) -> None:
        self._region, self.exceptions = region, exceptions

    def __getattr__(self, name: str) -> Any:
        def call(*_: Any, **__: Any) -> Any:
            raise EndpointConnectionError(endpoint_url=f"https://{self._region}.amazonaws.com")

        return call


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


def _released(value: Any) -> Any:
    """Return a copy with the new image wherever the old one is."""
    if isinstance(value, dict):
        return {key: _released(each) for key, each in value.items()}
    return NEW if value == OLD else value


def _difference(wanted: dict[str, Any], found: dict[str, Any]) -> str:
    return str({name: found[name] for name in wanted if wanted[name] != found[name]})

"""Two Regions in memory, and the whole of what an upgrade may leave different in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import boto3

from control_table import lock, mode
from control_table.acknowledgements import acknowledge
from tests.upgrade.databases import Databases, RefusedError
from tests.upgrade.fake_ecs import FakeEcs
from tests.upgrade.interpreter import Machine, TaskError
from upgrade.conduct import Conductor
from upgrade.site import Site, site_of

PRIMARY, STANDBY = "us-east-1", "us-west-2"
OLD, NEW = "app:1", "app:2"
COUNT = 2  # tasks of each half
ALARM = "mainstay-test-us-west-2-left"
UPGRADE = "release-2"


@cache
def _aws(service: str, region: str) -> Any:
    return boto3.client(service, region_name=region)


class Killed(BaseException):
    """The interpreter is gone: no state has any effect from here on."""


@dataclass
class Fault:
    """At one state: what happens, and how often."""

    state: str
    kind: str  # before, after, timeout, kill-before, kill-after
    times: int = 1_000  # of the same state; 1 is a fault that passes
    hits: int = 0

    def strikes(self, state: str) -> bool:
        if state != self.state or self.hits >= self.times:
            return False
        self.hits += 1
        return True


@dataclass
class World:
    """Made inside of moto; `violations` is what must never be, seen after every effect."""

    databases: Databases = field(default_factory=Databases)
    fault: Fault | None = None
    violations: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    now: datetime = datetime(2026, 11, 25, 12, tzinfo=UTC)
    smoked: bool = False
    dead: bool = False
    calls: list[str] = field(default_factory=list)
    before_state: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        self.ecs = {place: FakeEcs(place, self._changed) for place in (PRIMARY, STANDBY)}
        self.groups: dict[str, str] = {}
        self._acknowledged: dict[str, tuple[int, datetime]] = {}
        self._make_balancer()
        for region in (PRIMARY, STANDBY):
            self._make_region(region)
        self.site: Site = site_of(json.dumps(self._described()), self.client)
        self._acknowledge()
        self.at_first = self.state()

    def client(self, service: str, region: str) -> Any:
        if service == "ecs":
            return self.ecs[region]
        if service == "cloudwatch":
            return _CloudWatch(region)
        return _aws(service, region)

    # What the machine reaches.

    def machine(self) -> Machine:
        return Machine(function=self._function, task=self._task, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        """Time passes: tasks obey the mode of now, and say so."""
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
            pause=self.sleep,
        )
        return conductor.conduct(event)

    def _task(self, state: str, given: dict[str, Any]) -> dict[str, Any]:
        return self._struck(state, lambda: self._operate(given))

    def _operate(self, given: dict[str, Any]) -> dict[str, Any]:
        [override] = given["overrides"]["containerOverrides"]
        *_, word, act = override["command"]
        assert word == "upgrade"
        ecs = self.ecs[PRIMARY]
        task = ecs.start_task(given["cluster"], given["taskDefinition"], given["group"])
        try:
            if act == "smoke":
                self._smoke()
            else:
                self.databases.act(act)
        except RefusedError as error:
            raise TaskError(
                "States.TaskFailed", json.dumps({"StoppedReason": str(error)})
            ) from None
        finally:
            task.update(lastStatus="STOPPED", desiredStatus="STOPPED")
        self.sleep(2)
        return {"TaskArn": task["taskArn"], "LastStatus": "STOPPED"}

    def _smoke(self) -> None:
        serving = self.ecs[PRIMARY].running("app", "green")
        images = {self._image(PRIMARY, task) for task in serving}
        if images != {NEW} or self.databases.a != self.databases.target:
            raise RefusedError(f"green answers as {images} on version {self.databases.a}")
        if NEW in self.ecs[PRIMARY].broken:
            raise RefusedError("no login succeeds on the new code")
        self.smoked = True

    def _struck(self, state: str, act: Callable[[], Any]) -> Any:
        """The act, unless the fault says otherwise."""
        if self.dead:
            raise TaskError("Killed", "the interpreter is gone")
        self.before_state(state)
        self.calls.append(state)
        fault = self.fault
        if fault is None or not fault.strikes(state):
            return self._watched(act)
        if fault.kind in ("after", "timeout", "kill-after"):
            self._watched(act)
        self.dead = fault.kind.startswith("kill")
        name = "States.Timeout" if fault.kind == "timeout" else "Injected"
        raise TaskError(name, f"{fault.kind} at {state}")

    def _watched(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        finally:
            self._watch()

    def _watch(self) -> None:
        """What must never be, at any moment."""
        databases, weights = self.databases, self.weights()
        writable = self.mode(PRIMARY).mode == mode.Mode.READ_WRITE and not databases.fenced
        for half, weight in weights.items():
            for task in self.ecs[PRIMARY].running("app", half) if weight else ():
                speaks = 1 if self._image(PRIMARY, task) == OLD else databases.target
                if writable and speaks != databases.a:
                    self._violated(f"READ_WRITE, and {half} speaks {speaks} to {databases.a}")
                if speaks == databases.target != 1 and not self.smoked:
                    self._violated(f"{half} has traffic on new code before its smoke test")
                if speaks == 1 and databases.b != 1:
                    self._violated(f"{half} has traffic on old code, and no store of its schema")
        held = lock.read(_aws("dynamodb", PRIMARY), "control-" + PRIMARY)
        if held is None and self.state() not in (self.at_first, self._upgraded()):
            self._violated("something is half done, and nobody holds the lock")

    def _violated(self, what: str) -> None:
        if what not in self.violations:
            self.violations.append(what)

    # What there is.

    def mode(self, region: str) -> mode.State:
        found = mode.read(_aws("dynamodb", region), f"control-{region}")
        assert found is not None
        return found

    def weights(self) -> dict[str, int]:
        [rule] = _aws("elbv2", PRIMARY).describe_rules(RuleArns=[self.rule])["Rules"]
        groups = rule["Actions"][-1]["ForwardConfig"]["TargetGroups"]
        by_group = {group["TargetGroupArn"]: group["Weight"] for group in groups}
        return {half: by_group[self.groups[half]] for half in ("blue", "green")}

    def lock(self) -> lock.Lock | None:
        return lock.read(_aws("dynamodb", PRIMARY), f"control-{PRIMARY}")

    def state(self) -> dict[str, Any]:
        """Everything that an upgrade changes: compared as a whole, with what it was."""
        databases = asdict(self.databases)
        databases.pop("transaction")  # which only gained, and old code goes on with it
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

    def _upgraded(self) -> dict[str, Any]:
        """The first state with the release in it."""
        found = json.loads(json.dumps(_listed(self.at_first)))
        text = json.dumps(found).replace(OLD, NEW)
        wanted = _unlisted(json.loads(text))
        for (region, cluster, _), service in wanted["services"].items():
            if cluster == "edge":
                service["image"] = self.at_first["services"][region, cluster, _]["image"]
        wanted["live"][STANDBY, "operations"] = OLD
        wanted["databases"].update(dict.fromkeys(("a", "b", "follower"), self.databases.target))
        return wanted

    def exit_alarm(self) -> str:
        return _CloudWatch(PRIMARY).describe_alarms(AlarmNames=[ALARM])["MetricAlarms"][0][
            "StateValue"
        ]

    def outcome(self, ended: dict[str, Any]) -> str:
        """One of the three ways to end, or what is wrong with this one."""
        state, held = self.state(), self.lock()
        if self.violations:
            return f"WRONG: {'; '.join(self.violations)}"
        if state == self._upgraded() and held is None and ended["status"] == "SUCCEEDED":
            return "upgraded"
        error = ended.get("error")
        if (
            state == self.at_first
            and held is None
            and error
            in (
                "Upgrade.RolledBack",
                "Upgrade.Refused",
            )
        ):
            return "rolled back exactly"
        read_only = all(each == "READ_ONLY" for each in state["modes"].values())
        if error == "Upgrade.Stopped" and held is not None and read_only and self.told_why(ended):
            return "stopped safely, READ_ONLY, lock held, operator told why"
        return f"WRONG: {ended['status']} {error}, lock {held}, {_difference(self.at_first, state)}"

    def told_why(self, ended: dict[str, Any]) -> bool:
        topics = _aws("sns", PRIMARY).list_topics()["Topics"]
        return bool(ended.get("cause")) and bool(topics)

    # How it is made.

    def _make_balancer(self) -> None:
        ec2, elbv2 = _aws("ec2", PRIMARY), _aws("elbv2", PRIMARY)
        vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        subnets = [item["SubnetId"] for item in ec2.describe_subnets()["Subnets"]][:2]
        [balancer] = elbv2.create_load_balancer(Name="app", Subnets=subnets)["LoadBalancers"]
        for half in ("blue", "green"):
            [group] = elbv2.create_target_group(
                Name=half, Protocol="HTTP", Port=8080, VpcId=vpc, TargetType="ip"
            )["TargetGroups"]
            self.groups[half] = group["TargetGroupArn"]
        weighted = [{"TargetGroupArn": arn, "Weight": 50} for arn in self.groups.values()]
        actions = [{"Type": "forward", "ForwardConfig": {"TargetGroups": weighted}}]
        listener = elbv2.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Protocol="HTTP",
            Port=80,
            DefaultActions=actions,
        )["Listeners"][0]["ListenerArn"]
        [rule] = elbv2.create_rule(
            ListenerArn=listener,
            Priority=100,
            Conditions=[{"Field": "path-pattern", "Values": ["/*"]}],
            Actions=actions,
        )["Rules"]
        self.rule = rule["RuleArn"]

    def _make_region(self, region: str) -> None:
        dynamodb, ecs = _aws("dynamodb", region), self.ecs[region]
        table = f"control-{region}"
        keys = (("pk", "HASH"), ("sk", "RANGE"))
        dynamodb.create_table(
            TableName=table,
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n, _ in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        mode.begin(dynamodb, table, by="test", at=self.now)
        for family in ("app-blue", "app-green", "app-worker", "operations", "edge"):
            container = {"name": "server", "image": "edge:1" if family == "edge" else OLD}
            ecs.register_task_definition(family=family, containerDefinitions=[container])
        scaling = _aws("application-autoscaling", region)
        for cluster, name, family in (
            ("app", "blue", "app-blue"),
            ("app", "green", "app-green"),
            ("work", "worker", "app-worker"),
            ("edge", "edge", "edge"),
        ):
            ecs.add_service(cluster, name, family, COUNT)
            if name in self.groups:
                _known_to_scaling(region, cluster, name)
                scaling.register_scalable_target(
                    ServiceNamespace="ecs",
                    ResourceId=f"service/{cluster}/{name}",
                    ScalableDimension="ecs:service:DesiredCount",
                    MinCapacity=COUNT,
                    MaxCapacity=12,
                )
        _aws("sns", region).create_topic(Name="operators")
        for name in (ALARM, "failing-blue", "failing-green"):
            cloudwatch = _aws("cloudwatch", region)
            cloudwatch.put_metric_alarm(
                AlarmName=name,
                Namespace="n",
                MetricName="m",
                Period=60,
                EvaluationPeriods=1,
                Threshold=1,
                Statistic="Maximum",
                ComparisonOperator="GreaterThanOrEqualToThreshold",
            )
            cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="at first")

    def _described(self) -> dict[str, Any]:
        def place(region: str) -> dict[str, Any]:
            primary = region == PRIMARY
            return {
                "region": region,
                "table": f"control-{region}",
                "halves": {
                    half: {
                        "cluster": "app",
                        "name": half,
                        "family": f"app-{half}",
                        "targets": self.groups[half] if primary else None,
                    }
                    for half in ("blue", "green")
                },
                "workers": [{"cluster": "work", "name": "worker", "family": "app-worker"}],
                "edge": {"cluster": "edge", "name": "edge", "family": "edge"},
                "rule": self.rule if primary else None,
                "balancer": "app/public/0123456789abcdef",
                "alarms": ["failing-blue", "failing-green"],
            }

        return {
            "primary": place(PRIMARY),
            "standby": place(STANDBY),
            "exit": {
                "namespace": "mainstay/test",
                "metric": "RegionLeft",
                "alarm": ALARM,
                "seconds": 90,
                "quiet_requests": 200,
            },
            "operations": {
                "cluster": "work",
                "family": "operations",
                "container": "operations",
                "variables": {"APP_NAME": "app.id.example.com"},
            },
        }

    def _changed(self, service: dict[str, Any]) -> None:
        """The load balancer sees the tasks that there are."""
        group = self.groups.get(service["serviceName"])
        if group is None or service not in self.ecs[PRIMARY].services.values():
            return
        elbv2 = _aws("elbv2", PRIMARY)
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
        """Of the primary, which alone is waited for; each again after five minutes."""
        state, ecs = self.mode(PRIMARY), self.ecs[PRIMARY]
        for cluster, name in (("app", "blue"), ("app", "green"), ("edge", "edge")):
            for task in ecs.running(cluster, name):
                task_id = task["taskArn"].rpartition("/")[2]
                epoch, at = self._acknowledged.get(task_id, (0, self.now))
                if epoch == state.epoch and self.now - at < timedelta(minutes=5):
                    continue
                self._acknowledged[task_id] = (state.epoch, self.now)
                acknowledge(
                    _aws("dynamodb", PRIMARY),
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
        found = _aws("application-autoscaling", region).describe_scalable_targets(
            ServiceNamespace="ecs", ResourceIds=[f"service/{cluster}/{name}"]
        )["ScalableTargets"]
        state = found[0].get("SuspendedState", {}) if found else {}
        return sorted(name for name, value in state.items() if value)


class _CloudWatch:
    """moto's, whose alarms nothing evaluates: the data point of an exit sets its alarm here."""

    def __init__(self, region: str) -> None:
        self._api = _aws("cloudwatch", region)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)

    def put_metric_data(self, **given: Any) -> None:
        self._api.put_metric_data(**given)
        [point] = given["MetricData"]
        state = "ALARM" if point["Value"] >= 1 else "OK"
        self._api.set_alarm_state(AlarmName=ALARM, StateValue=state, StateReason="a data point")


def _known_to_scaling(region: str, cluster: str, name: str) -> None:
    """moto's Application Auto Scaling looks into moto's own ECS."""
    moto = _aws("ecs", region)
    moto.create_cluster(clusterName=cluster)
    container = {"name": "server", "image": "none", "memory": 1}
    moto.register_task_definition(family="none", containerDefinitions=[container])
    moto.create_service(cluster=cluster, serviceName=name, taskDefinition="none", desiredCount=0)


def _listed(state: dict[str, Any]) -> dict[str, Any]:
    return {
        name: [[list(key), each] for key, each in value.items()]
        if name in ("services", "live")
        else value
        for name, value in state.items()
    }


def _unlisted(state: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {tuple(key): each for key, each in value} if name in ("services", "live") else value
        for name, value in state.items()
    }


def _difference(wanted: dict[str, Any], found: dict[str, Any]) -> str:
    return str({name: found[name] for name in wanted if wanted[name] != found[name]})

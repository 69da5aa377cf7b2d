"""Two Regions in memory, and the whole of what an upgrade may leave different in them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import EndpointConnectionError

from functions.control_table import lock, mode
from functions.control_table.acknowledgements import acknowledge
from functions.upgrade.site import Site, site_of
from tests.upgrade.autoscaler import Autoscaler, limits
from tests.upgrade.databases import Databases
from tests.upgrade.fake_dynamodb import FakeDynamoDb
from tests.upgrade.fake_ecs import FakeEcs
from tests.upgrade.fake_rds import FakeRds
from tests.upgrade.regions import (
    ALARM,
    COUNT,
    NEW,
    OLD,
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

PROPAGATION = timedelta(seconds=8)  # from a change of weights to the last node that goes by it


@dataclass
class SimulatedWorld:
    """Made inside of moto; time passes in it by `sleep` alone."""

    databases: Databases = field(default_factory=Databases)
    now: datetime = datetime(2026, 11, 25, 12, tzinfo=UTC)
    called: bool = True  # users come
    spoilt: str = ""  # what the release does to users, one of SPOILT or IN_FULL
    unlike: bool = False  # the canary, to users: whatever the release does, it finds nothing

    def __post_init__(self) -> None:
        self.ecs = {place: FakeEcs(place, self._changed) for place in (PRIMARY, STANDBY)}
        self.tables = {place: FakeDynamoDb(f"control-{place}") for place in (PRIMARY, STANDBY)}
        self.autoscaler = Autoscaler(self.ecs, self.weights)
        self.balancers = Balancers(self._divided)
        self.divided: list[tuple[datetime, dict[str, int]]] = []  # when, and how
        self.rule, self.groups = make_balancer()
        self._acknowledged: dict[str, tuple[int, datetime]] = {}
        self.unreachable: set[str] = set()  # Regions
        self.deaf: set[str] = set()  # tasks that acknowledge nothing
        self.taken: set[str] = set()  # Regions that an alarm keeps in READ_ONLY
        self.rds = FakeRds(aws("application-autoscaling", PRIMARY), lambda: self.now)
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
        if service == "rds":
            return self.rds
        if service == "elbv2":
            return self.balancers if region == PRIMARY else aws("elbv2", region)
        return aws(service, region)

    def sleep(self, seconds: float) -> None:
        """Time passes: tasks obey the current mode, and acknowledge it."""
        self.now += timedelta(seconds=seconds)
        self._acknowledge()

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
        for name in ("transaction", "written", "lost", "dead", "adds"):  # the first only gains
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
            "readers": self.rds.least(),
        }

    def _first(self) -> dict[str, Any]:
        """The first state, but for the modes that somebody else has changed since."""
        modes = {**self.at_first["modes"], **dict.fromkeys(self.taken, "READ_ONLY")}
        databases = dict(self.at_first["databases"])
        if self.databases.adds:  # what was widened stays so, on every server
            databases.update(dict.fromkeys(("a", "b", "follower"), self.databases.a))
        return {**self.at_first, "modes": modes, "databases": databases}

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


def _released(value: Any) -> Any:
    """Return a copy with the new image wherever the old one is."""
    if isinstance(value, dict):
        return {key: _released(each) for key, each in value.items()}
    return NEW if value == OLD else value

"""Reads from the control plane what should run: tasks of ECS, listeners of load balancers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from local.target import LocalTarget


@dataclass(frozen=True, kw_only=True)
class Container:
    name: str
    image: str
    command: tuple[str, ...]
    variables: dict[str, str] = field(hash=False)
    ports: tuple[int, ...]
    mounts: dict[str, str] = field(hash=False)  # path in the container -> volume of the task
    stop_seconds: int  # from the stop signal to the kill
    log: tuple[str, str] | None = None  # of awslogs: group and stream prefix


@dataclass(frozen=True, kw_only=True)
class Registration:
    """A target group that the task belongs into, by one container's port."""

    target_group: str  # ARN
    container: str
    port: int


@dataclass(frozen=True, kw_only=True)
class Task:
    arn: str
    region: str
    cluster: str  # name
    service: str | None  # name; None for a task that was run by itself
    containers: tuple[Container, ...]
    registrations: tuple[Registration, ...]

    @property
    def id(self) -> str:
        return self.arn.rpartition("/")[2]

    @property
    def home(self) -> tuple[str, str, str | None]:
        """Return the service that it belongs to."""
        return self.region, self.cluster, self.service


@dataclass(frozen=True, kw_only=True)
class Listener:
    region: str
    balancer: str  # name
    dns_name: str
    public: bool
    protocol: str  # HTTP or HTTPS
    port: int
    names: tuple[str, ...]  # that its certificate answers to; none of an HTTP listener
    address: str | None  # host:port on this machine; None where nothing listens for it

    @property
    def url(self) -> str | None:
        """Return the URL of a name of its certificate: a tenant's, where that is a wildcard."""
        if self.address is None:
            return None
        host, _, port = self.address.rpartition(":")
        wildcard = next((name for name in self.names if name.startswith("*.")), None)
        host = wildcard.replace("*", "acme", 1) if wildcard else host
        return f"{self.protocol.lower()}://{host}:{port}"


# Where the emulator's load balancers listen: an attribute that AWS does not have.
_ADDRESS = "local.address"

# ECS kills 30 s after the stop signal unless the container says otherwise (`stopTimeout`).
_DEFAULT_STOP_SECONDS = 30


class DesiredState:
    """Reads the APIs of every Region, anew at each call.

    Only what never changes under an ARN that is never given twice is remembered: the containers of
    a task, and the names of a certificate.
    """

    def __init__(self, target: LocalTarget, regions: tuple[str, ...]) -> None:
        self._regions = regions
        self._of_task: dict[str, tuple[Container, ...]] = {}
        self._of_certificate: dict[str, tuple[str, ...]] = {}
        # A client takes longer to make than all its calls of a minute.
        self._client = cache(target.client)

    def client(self, service: str, region: str) -> Any:
        return self._client(service, region)

    def tasks(self) -> tuple[Task, ...]:
        """Return every task that ECS wants running, of services and by themselves."""
        found = tuple(
            task
            for region in self._regions
            for cluster in _pages(self.client("ecs", region), "list_clusters", "clusterArns")
            for task in self._tasks_of(region, cluster)
        )
        self._of_task = {task.arn: task.containers for task in found}
        return found

    def listeners(self) -> tuple[Listener, ...]:
        """Return every listener of every load balancer, in the order of the Regions."""
        found = []
        for region in self._regions:
            elbv2 = self.client("elbv2", region)
            for balancer in _pages(elbv2, "describe_load_balancers", "LoadBalancers"):
                arn = balancer["LoadBalancerArn"]
                for listener in _pages(
                    elbv2, "describe_listeners", "Listeners", LoadBalancerArn=arn
                ):
                    found.append(self._listener(region, balancer, listener))
        return tuple(found)

    def _tasks_of(self, region: str, cluster: str) -> Iterator[Task]:
        ecs = self.client("ecs", region)
        arns = list(_pages(ecs, "list_tasks", "taskArns", cluster=cluster, desiredStatus="RUNNING"))
        services: dict[str, tuple[Registration, ...]] = {}
        for index in range(0, len(arns), 100):  # the most that one call describes
            some = arns[index : index + 100]
            for task in ecs.describe_tasks(cluster=cluster, tasks=some)["tasks"]:
                kind, _, name = task.get("group", "").partition(":")
                service = name if kind == "service" else None
                if service is not None and service not in services:
                    services[service] = self._registrations(region, cluster, service)
                yield Task(
                    arn=task["taskArn"],
                    region=region,
                    cluster=cluster.rpartition("/")[2],
                    service=service,
                    containers=self._containers(region, task),
                    registrations=services.get(service, ()) if service else (),
                )

    def _registrations(self, region: str, cluster: str, service: str) -> tuple[Registration, ...]:
        ecs = self.client("ecs", region)
        found = ecs.describe_services(cluster=cluster, services=[service])["services"]
        return tuple(
            Registration(
                target_group=entry["targetGroupArn"],
                container=entry["containerName"],
                port=entry["containerPort"],
            )
            for entry in (found[0].get("loadBalancers", ()) if found else ())
            if "targetGroupArn" in entry
        )

    def _containers(self, region: str, task: dict[str, Any]) -> tuple[Container, ...]:
        if (known := self._of_task.get(task["taskArn"])) is not None:
            return known
        ecs = self.client("ecs", region)
        arn = task["taskDefinitionArn"]
        definition = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        overrides = {
            entry["name"]: entry
            for entry in task.get("overrides", {}).get("containerOverrides", ())
            if "name" in entry
        }
        return tuple(
            _container(described, overrides.get(described["name"], {}))
            for described in definition["containerDefinitions"]
        )

    def _names(self, region: str, certificate: str) -> tuple[str, ...]:
        if certificate not in self._of_certificate:
            acm = self.client("acm", region)
            described = acm.describe_certificate(CertificateArn=certificate)["Certificate"]
            names = (described["DomainName"], *described.get("SubjectAlternativeNames", ()))
            self._of_certificate[certificate] = names
        return self._of_certificate[certificate]

    def _listener(
        self, region: str, balancer: dict[str, Any], listener: dict[str, Any]
    ) -> Listener:
        names: list[str] = []
        for certificate in listener.get("Certificates", ()):
            names += self._names(region, certificate["CertificateArn"])
        attributes = self.client("elbv2", region).describe_listener_attributes(
            ListenerArn=listener["ListenerArn"]
        )["Attributes"]
        return Listener(
            region=region,
            balancer=balancer["LoadBalancerName"],
            dns_name=balancer["DNSName"],
            public=balancer.get("Scheme") == "internet-facing",
            protocol=listener["Protocol"],
            port=listener["Port"],
            names=tuple(dict.fromkeys(names)),
            address=next((a["Value"] for a in attributes if a["Key"] == _ADDRESS), None),
        )


def _container(described: dict[str, Any], override: dict[str, Any]) -> Container:
    pairs = [*described.get("environment", ()), *override.get("environment", ())]
    return Container(
        name=described["name"],
        image=described["image"],
        command=tuple(override.get("command") or described.get("command", ())),
        variables={pair["name"]: pair["value"] for pair in pairs},
        ports=tuple(mapping["containerPort"] for mapping in described.get("portMappings", ())),
        mounts={
            mount["containerPath"]: mount["sourceVolume"]
            for mount in described.get("mountPoints", ())
        },
        stop_seconds=described.get("stopTimeout") or _DEFAULT_STOP_SECONDS,
        log=_log(described.get("logConfiguration") or {}),
    )


def _log(configuration: dict[str, Any]) -> tuple[str, str] | None:
    options = configuration.get("options", {})
    if configuration.get("logDriver") != "awslogs" or "awslogs-stream-prefix" not in options:
        return None
    return options["awslogs-group"], options["awslogs-stream-prefix"]


def _pages(client: Any, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page[key]

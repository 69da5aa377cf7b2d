"""Amazon ECS of one Region, in memory: services whose tasks start and stop at once.

moto starts no tasks of a service. Every call is checked against the SDK's model of it.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from botocore.session import Session
from botocore.validate import ParamValidator

_MODEL = Session().get_service_model("ecs")
_VALIDATOR = ParamValidator()


class FakeEcs:
    """`changed` is called with every service whose tasks have changed."""

    def __init__(self, region: str, changed: Callable[[dict[str, Any]], None]) -> None:
        self.region, self._changed = region, changed
        self.services: dict[tuple[str, str], dict[str, Any]] = {}
        self.tasks: dict[str, dict[str, Any]] = {}
        self.definitions: dict[str, dict[str, Any]] = {}
        # Whether Amazon ECS still watches the alarms of a service's newest deployment.
        self.watches: Callable[[dict[str, Any]], bool] = lambda _: False
        self.broken: set[str] = set()  # images whose tasks never become healthy
        self._number = itertools.count(1)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = "".join(part.capitalize() for part in name.split("_"))
        model = _MODEL.operation_model(operation)
        do = getattr(self, f"do_{name}")

        def call(**given: Any) -> Any:
            report = _VALIDATOR.validate(given, model.input_shape)
            assert not report.has_errors(), f"{operation}: {report.generate_report()}"
            return copy.deepcopy(do(**given))

        return call

    def get_paginator(self, name: str) -> _Pages:
        return _Pages(getattr(self, name))

    # What an account is set up with.

    def add_service(self, cluster: str, name: str, family: str, count: int) -> None:
        service = {
            "serviceName": name,
            "clusterArn": cluster,
            "status": "ACTIVE",
            "taskDefinition": self._newest(family)["taskDefinitionArn"],
            "desiredCount": count,
        }
        self.services[cluster, name] = service
        self._settle(cluster, service)

    def running(self, cluster: str, name: str) -> list[dict[str, Any]]:
        group = f"service:{name}"
        return [
            task
            for task in self.tasks.values()
            if task["clusterArn"] == cluster
            and task["group"] == group
            and task["lastStatus"] == "RUNNING"
        ]

    def start_task(self, cluster: str, definition: str, group: str) -> dict[str, Any]:
        arn = f"arn:aws:ecs:{self.region}:123456789012:task/{cluster}/{next(self._number):032x}"
        task = {
            "taskArn": arn,
            "clusterArn": cluster,
            "taskDefinitionArn": definition,
            "group": group,
            "lastStatus": "RUNNING",
            "desiredStatus": "RUNNING",
            "createdAt": datetime.fromtimestamp(len(self.tasks), UTC),
            "containers": [{"name": "operations", "lastStatus": "RUNNING"}],
        }
        self.tasks[arn] = task
        return task

    # The operations.

    def do_describe_services(self, *, cluster: str, services: list[str]) -> Any:
        found = [self.services[cluster, name] for name in services]
        return {"services": [self._told(cluster, service) for service in found]}

    def do_update_service(self, *, cluster: str, service: str, **changes: Any) -> Any:
        found = self.services[cluster, service]
        found.update(changes)
        found["taskDefinition"] = self.definition(found["taskDefinition"])["taskDefinitionArn"]
        self._settle(cluster, found)
        return {"service": self._told(cluster, found)}

    def do_list_tasks(
        self,
        *,
        cluster: str,
        desiredStatus: str,  # noqa: N803 (the API's name)
        serviceName: str = "",  # noqa: N803
        family: str = "",
    ) -> Any:
        return {
            "taskArns": [
                arn
                for arn, task in self.tasks.items()
                if task["clusterArn"] == cluster
                and task["desiredStatus"] == desiredStatus
                and serviceName in ("", task["group"].removeprefix("service:"))
                and (not family or f"/{family}:" in task["taskDefinitionArn"])
            ]
        }

    def do_describe_tasks(self, *, cluster: str, tasks: list[str]) -> Any:
        return {"tasks": [self.tasks[arn] for arn in tasks]}

    def do_stop_task(self, *, cluster: str, task: str, reason: str) -> Any:
        self.tasks[task].update(desiredStatus="STOPPED", lastStatus="STOPPED")
        return {"task": self.tasks[task]}

    def do_register_task_definition(self, *, family: str, **shape: Any) -> Any:
        numbers = [d["revision"] for d in self.definitions.values() if d["family"] == family]
        revision = max(numbers, default=0) + 1
        arn = f"arn:aws:ecs:{self.region}:123456789012:task-definition/{family}:{revision}"
        made = {**shape, "family": family, "revision": revision, "taskDefinitionArn": arn}
        self.definitions[arn] = {**made, "status": "ACTIVE", "registeredAt": "now"}
        return {"taskDefinition": self.definitions[arn]}

    def do_describe_task_definition(self, *, taskDefinition: str) -> Any:  # noqa: N803
        return {"taskDefinition": self.definition(taskDefinition)}

    def do_deregister_task_definition(self, *, taskDefinition: str) -> Any:  # noqa: N803
        self.definitions[taskDefinition]["status"] = "INACTIVE"
        return {"taskDefinition": self.definitions[taskDefinition]}

    def do_list_task_definitions(self, *, familyPrefix: str, status: str) -> Any:  # noqa: N803
        return {
            "taskDefinitionArns": [
                arn
                for arn, definition in self.definitions.items()
                if definition["family"].startswith(familyPrefix) and definition["status"] == status
            ]
        }

    def definition(self, name: str) -> dict[str, Any]:
        return self.definitions[name] if name in self.definitions else self._newest(name)

    def _newest(self, family: str) -> dict[str, Any]:
        active = [
            d
            for d in self.definitions.values()
            if d["family"] == family and d["status"] == "ACTIVE"
        ]
        return max(active, key=lambda d: d["revision"])

    def _told(self, cluster: str, service: dict[str, Any]) -> dict[str, Any]:
        running = len(self.running(cluster, service["serviceName"]))
        return {
            **service,
            "runningCount": running,
            "pendingCount": 0,
            "deployments": [
                {
                    "status": "PRIMARY",
                    "rolloutState": "IN_PROGRESS" if self.watches(service) else "COMPLETED",
                }
            ],
        }

    def _settle(self, cluster: str, service: dict[str, Any]) -> None:
        """Tasks of another revision go, and as many as are wanted run."""
        wanted, count = service["taskDefinition"], service["desiredCount"]
        running = self.running(cluster, service["serviceName"])
        kept = [task for task in running if task["taskDefinitionArn"] == wanted][:count]
        for task in running:
            if task not in kept:
                task.update(lastStatus="STOPPED", desiredStatus="STOPPED")
        for _ in range(count - len(kept)):
            self.start_task(cluster, wanted, f"service:{service['serviceName']}")
        self._changed(service)


class _Pages:
    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def paginate(self, **given: Any) -> Iterator[Any]:
        yield self._call(**given)

"""An environment as it stands in an emulator: its resources by type and by name, and its APIs."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assembly.reader import Assembly
from local import process
from local.emulator.server import Emulator
from local.waiting import free_port
from tests.local.contract.conftest import clients
from tests.local.contract.deployment import ACCOUNT, deploy


@dataclass(frozen=True)
class Resource:
    """One resource of a stack, as CloudFormation lists it."""

    stack: str
    region: str
    logical_id: str
    kind: str
    ref: str  # its physical id, which `Ref` returns
    status: str
    properties: dict[str, Any]  # as the template has them, with every reference in it


class Deployment:
    """An environment's stacks in an emulator. Read only: a test that changes one spoils the next.

    `client` makes boto3 clients: `client("ec2", "us-west-2")`, in us-east-1 by default; `stacks`
    are the names of those that were deployed, all by default;
    `unread` are the properties, as (type, path), that no handler of the emulator read.
    """

    def __init__(
        self,
        assembly: Assembly,
        client: Callable[..., Any],
        stacks: Collection[str] | None = None,
        unread: Collection[tuple[str, str]] = (),
    ) -> None:
        self.client, self.unread = client, set(unread)
        self.resources = {
            (stack.name, found["LogicalResourceId"]): Resource(
                stack=stack.name,
                region=stack.region,
                logical_id=found["LogicalResourceId"],
                kind=found["ResourceType"],
                ref=found["PhysicalResourceId"],
                status=found["ResourceStatus"],
                properties=stack.resources[found["LogicalResourceId"]].get("Properties", {}),
            )
            for stack in assembly.stacks.values()
            if stacks is None or stack.name in stacks
            for page in client("cloudformation", stack.region)
            .get_paginator("list_stack_resources")
            .paginate(StackName=stack.name)
            for found in page["StackResourceSummaries"]
        }

    def of_type(self, kind: str) -> Iterator[Resource]:
        """Return every resource of a CloudFormation type, in both Regions."""
        return (resource for resource in self.resources.values() if resource.kind == kind)

    def named(self, region: str, part: str, beginning: str) -> Resource:
        """Return the one resource of a Region's part whose logical id begins so."""
        (found,) = [
            resource
            for resource in self.resources.values()
            if resource.stack.endswith(f"{region}-{part}")
            and re.fullmatch(rf"{beginning}[0-9A-F]{{8}}", resource.logical_id)
        ]
        return found


def described(deployment: Deployment, service: Resource) -> dict[str, Any]:
    """Return a service as Amazon ECS describes it; its cluster is the middle of its ARN."""
    _, cluster, name = service.ref.split("/")
    ecs = deployment.client("ecs", service.region)
    return ecs.describe_services(cluster=cluster, services=[name])["services"][0]


class _Tracing(Emulator):
    """An emulator that writes down which properties no handler reads."""

    def _variables(self) -> dict[str, str]:
        return {**super()._variables(), "MAINSTAY_TRACE": str(self.folder / "unread.json")}


@contextmanager
def started_emulator(folder: Path) -> Iterator[Callable[..., Any]]:
    """Start an emulator in `folder`, which records unread properties, and yield its clients."""
    emulator = _Tracing(folder=folder, port=free_port(), account=ACCOUNT)
    client = clients(emulator.endpoint)
    try:
        emulator.start()
        with _tasks_that_end_well(client):
            yield client
    finally:
        process.end_all(folder)


@contextmanager
def deployed_into_emulator(assembly: Assembly, folder: Path) -> Iterator[Deployment]:
    """Deploy every stack of an assembly into an emulator of its own, and end it afterwards."""
    with started_emulator(folder) as client:
        deploy(assembly.directory, client)
        paths = json.loads((folder / "unread.json").read_text())
        unread = {(kind, path) for kind, found in paths.items() for path in found}
        yield Deployment(assembly, client, unread=unread)


@contextmanager
def _tasks_that_end_well(client: Callable[..., Any]) -> Iterator[None]:
    """Report each task that runs by itself, a first start, as ended well: no process runs here."""
    over = threading.Event()

    def report() -> None:
        while not over.wait(0.2):
            for region in ("us-east-1", "us-west-2"):
                ecs = client("ecs", region)
                for cluster in ecs.list_clusters()["clusterArns"]:
                    for arn in ecs.list_tasks(cluster=cluster)["taskArns"]:
                        [task] = ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
                        if not task.get("group", "").startswith("service:"):
                            ended = {"containerName": "operations", "exitCode": 0}
                            ecs.submit_task_state_change(
                                cluster=cluster, task=arn, status="STOPPED", containers=[ended]
                            )

    agent = threading.Thread(target=report)
    agent.start()
    try:
        yield
    finally:
        over.set()
        agent.join()

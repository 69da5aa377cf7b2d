"""Processes follow what ECS says, and target groups follow the processes.

ECS itself is a list of tasks here; the target groups are moto's, the processes are real.
"""

from __future__ import annotations

import http.client
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local import images, process
from local.desired_state import Container, Registration, Task
from local.reconciler import Reconciler
from local.target import LocalTarget
from local.task_credentials import TaskCredentials
from local.waiting import wait_until

REGION = "us-east-1"

# Stands for the image's own process: it tells which half it is, at its task's address.
SERVER = """
import http.server, os
from local.waiting import wait_until
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"half": "' + os.environ["HALF"].encode() + b'"}')
http.server.HTTPServer((os.environ["HOST"], 8080), Handler).serve_forever()
"""


class Control:
    """Stands for the APIs: clients of moto, and what would be run by itself."""

    def __init__(self) -> None:
        self.reported: list[dict[str, Any]] = []

    def client(self, service: str, region: str) -> Any:
        if service == "ecs":
            return self
        return boto3.client(service, region_name=region)

    def submit_task_state_change(self, **words: Any) -> None:
        self.reported.append(words)

    def describe_tasks(self, **_: Any) -> dict[str, Any]:
        return {"tasks": [{"lastStatus": "RUNNING"}]}

    def stop_task(self, **words: Any) -> None:
        self.reported.append(words)


class Unhealthy:
    """The control plane, whose load balancers have not found any target healthy until `over`."""

    def __init__(self, control: Control) -> None:
        self._make, self.over = control.client, False

    def client(self, service: str, region: str) -> Any:
        made = self._make(service, region)
        if service != "elbv2" or self.over:
            return made
        describe = made.describe_target_health

        def unhealthy(**words: Any) -> Any:
            found = describe(**words)
            for entry in found["TargetHealthDescriptions"]:
                entry["TargetHealth"]["State"] = "initial"
            return found

        made.describe_target_health = unhealthy
        return made


class Anybody(TaskCredentials):
    """It stands for an endpoint that keeps no sessions."""

    def variables(self, task: str) -> dict[str, str]:
        return self._target.variables(REGION)


@pytest.fixture
def group() -> Iterator[str]:
    with mock_aws():
        vpc = boto3.client("ec2", region_name=REGION).create_vpc(CidrBlock="10.0.0.0/16")
        made = boto3.client("elbv2", region_name=REGION).create_target_group(
            Name="app",
            Protocol="HTTP",
            Port=8080,
            TargetType="ip",
            VpcId=vpc["Vpc"]["VpcId"],
        )
        yield made["TargetGroups"][0]["TargetGroupArn"]


@pytest.fixture
def control() -> Control:
    return Control()


@pytest.fixture
def reconciler(folder: Path, control: Control) -> Iterator[Reconciler]:
    target = LocalTarget(endpoint="http://127.0.0.1:9", account="111122223333", folder=folder)
    made = Reconciler(
        control,  # pyright: ignore[reportArgumentType] (a stand-in, see the module)
        target=target,
        authority=folder / "authority.pem",
        address=lambda value: value.replace("balancer.test:443", "127.0.0.1:4443"),
        credentials=Anybody(target),
    )
    yield made
    process.end_all(folder)


def container(**changes: Any) -> Container:
    return Container(
        **{
            "name": "server",
            "image": images.APP_IMAGE,
            "command": ("python", "-c", SERVER),
            "variables": {"HALF": "blue", "NEXT": "balancer.test:443"},
            "ports": (8080,),
            "mounts": {},
            "stop_seconds": 10,
            **changes,
        }
    )


def task(name: str, group: str = "", *, service: str | None = "app", **changes: Any) -> Task:
    registrations = (Registration(target_group=group, container="server", port=8080),)
    return Task(
        arn=f"arn:aws:ecs:{REGION}:111122223333:task/cluster/{name}",
        region=REGION,
        cluster="cluster",
        service=service,
        containers=(container(**changes),),
        registrations=registrations if group else (),
    )


def settle(reconciler: Reconciler, wanted: list[Task], happened: Callable[[], bool]) -> None:
    def step() -> bool:
        reconciler.step(wanted)
        return happened()

    wait_until(
        step, "what was wanted", log=lambda: [one.problem for one in reconciler.running.values()]
    )


def members(group: str) -> set[str]:
    elbv2 = boto3.client("elbv2", region_name=REGION)
    health = elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert {entry["Target"]["Port"] for entry in health} <= {8080}
    return {entry["Target"]["Id"] for entry in health}


def serving(reconciler: Reconciler) -> set[str]:
    return {one.address for one in reconciler.running.values() if one.state == "serving"}


def test_starts_what_is_wanted_and_registers_what_listens(reconciler: Reconciler, group: str):
    wanted = [task("one", group), task("two", group)]
    settle(reconciler, wanted, lambda: len(serving(reconciler)) == 2)
    reconciler.step(wanted)
    assert members(group) == serving(reconciler)
    for address in members(group):
        connection = http.client.HTTPConnection(address, 8080, timeout=10)
        connection.request("GET", "/health/ready")
        assert b'"half": "blue"' in connection.getresponse().read()


def test_a_task_that_leaves_is_deregistered_and_ends(reconciler: Reconciler, group: str):
    one, two = task("one", group), task("two", group)
    settle(reconciler, [one, two], lambda: len(serving(reconciler)) == 2)
    left = reconciler.running[two.arn]
    pids = left.pids
    reconciler.step([one])
    assert members(group) == {reconciler.running[one.arn].address}
    settle(reconciler, [one], lambda: two.arn not in reconciler.running)
    assert not any(map(process.alive, pids))


def test_a_killed_process_is_started_again_and_registered_again(reconciler: Reconciler, group: str):
    wanted = [task("one", group)]
    settle(reconciler, wanted, lambda: len(serving(reconciler)) == 1)
    running = reconciler.running[wanted[0].arn]
    (pid,) = running.pids
    os.kill(pid, signal.SIGKILL)
    settle(reconciler, wanted, lambda: running.state == "failed")
    reconciler.step(wanted)
    assert members(group) == set()
    settle(reconciler, wanted, lambda: len(serving(reconciler)) == 1)
    reconciler.step(wanted)
    assert members(group) == {running.address}
    assert running.pids != (pid,)
    assert running.restarts == 1


def test_targets_of_nobody_leave_the_group(reconciler: Reconciler, group: str):
    """As after the ECS agent itself was killed: what an earlier one registered is not there."""
    boto3.client("elbv2", region_name=REGION).register_targets(
        TargetGroupArn=group, Targets=[{"Id": "127.0.0.1", "Port": 8080}]
    )
    wanted = [task("one", group)]
    settle(reconciler, wanted, lambda: len(serving(reconciler)) == 1)
    reconciler.step(wanted)
    assert members(group) == serving(reconciler)


def test_an_image_of_nobody_is_named_and_tried_again_later(reconciler: Reconciler, group: str):
    wanted = [task("one", group, image="registry.example/other:1")]
    reconciler.step(wanted)
    (running,) = reconciler.running.values()
    assert running.state == "failed"
    assert "got 'registry.example/other:1'" in running.problem
    assert members(group) == set()


def test_an_address_of_a_balancer_becomes_one_of_this_machine(reconciler: Reconciler, group: str):
    wanted = [task("one", group)]
    settle(reconciler, wanted, lambda: len(serving(reconciler)) == 1)
    (pid,) = reconciler.running[wanted[0].arn].pids
    environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    assert b"NEXT=127.0.0.1:4443" in environment
    assert b"AWS_ENDPOINT_URL=http://127.0.0.1:9" in environment
    assert b"AWS_REGION=us-east-1" in environment


def test_a_task_that_was_run_by_itself_is_reported_with_its_exit_code(
    reconciler: Reconciler, control: Control
):
    command = ("python", "-c", "raise SystemExit(3)")
    wanted = [task("once", service=None, command=command, ports=())]
    settle(reconciler, wanted, lambda: len(control.reported) > 1)
    *_, report, stop = control.reported
    assert report["containers"] == [{"containerName": "server", "exitCode": 3, "status": "STOPPED"}]
    assert stop["task"] == wanted[0].arn
    settle(reconciler, [], lambda: not reconciler.running)


def test_the_lines_of_a_task_are_in_its_log_stream_before_its_end_is_reported(
    reconciler: Reconciler, control: Control, group: str
):
    """As the driver awslogs has it; the group is the template's."""
    logs = boto3.client("logs", region_name=REGION)
    logs.create_log_group(logGroupName="operations")
    command = ("python", "-c", "print('first', flush=True); print('last', end='')")
    log = ("operations", "prefix")
    wanted = [task("once", service=None, command=command, ports=(), log=log)]
    settle(reconciler, wanted, lambda: len(control.reported) > 1)
    found = logs.get_log_events(logGroupName="operations", logStreamName="prefix/server/once")
    assert [event["message"] for event in found["events"]] == ["first", "last"]


def test_a_task_that_failed_gives_its_own_last_line(reconciler: Reconciler):
    command = ("python", "-c", "raise SystemExit('the schema is empty')")
    wanted = [task("once", service=None, command=command, ports=())]
    settle(reconciler, wanted, lambda: any(one.problem for one in reconciler.running.values()))
    (running,) = reconciler.running.values()
    assert running.problem.startswith(
        "server ended with 1: the schema is empty; see logs/us-east-1"
    )


def test_stopping_leaves_no_process(reconciler: Reconciler, group: str, folder: Path):
    wanted = [task("one", group), task("two", group)]
    settle(reconciler, wanted, lambda: len(serving(reconciler)) == 2)
    reconciler.stop()
    settle(reconciler, [], lambda: not reconciler.running)
    assert process.marked(folder) == ()


def test_ecs_is_told_of_a_task_once_it_serves_and_its_load_balancer_knows(
    reconciler: Reconciler, control: Control, group: str
):
    """As the agent does: ECS ends what the task replaces when it hears of it, and no sooner."""
    new = task("new", group)
    reconciler.step([new])
    assert control.reported == []
    settle(reconciler, [new], lambda: bool(control.reported))
    assert members(group) == serving(reconciler) == {reconciler.running[new.arn].address}
    for _ in range(3):
        reconciler.step([new])
    assert control.reported == [{"cluster": "cluster", "task": new.arn, "status": "RUNNING"}]


def test_a_target_that_is_not_healthy_yet_is_no_running_task(
    reconciler: Reconciler, control: Control, group: str, monkeypatch: pytest.MonkeyPatch
):
    unhealthy = Unhealthy(control)
    monkeypatch.setattr(control, "client", unhealthy.client)
    new = task("new", group)
    settle(reconciler, [new], lambda: bool(members(group)))
    for _ in range(3):
        reconciler.step([new])
    assert control.reported == []
    unhealthy.over = True
    settle(reconciler, [new], lambda: bool(control.reported))


def test_a_service_without_tasks_has_no_servers(reconciler: Reconciler, group: str):
    old = task("old", group)
    settle(reconciler, [old], lambda: len(serving(reconciler)) == 1)
    reconciler.step([])
    assert members(group) == set()
    settle(reconciler, [], lambda: not reconciler.running)

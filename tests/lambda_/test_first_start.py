"""The bootstrap's tasks: each to its end, again after a failure, and only at the first deploy.

moto starts no container, so a cluster of a few lines stands in: it ends each task as it is told.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from functions.first_start import handler as entry
from functions.first_start.tasks import NotStartedError, Runner, run_all

BOOTSTRAP = [["bootstrap", "entity"], ["bootstrap", "transaction"]]


class Cluster:
    """Answers as Amazon ECS does; `codes` are the ends of its tasks, in their order."""

    def __init__(self, *codes: int | None, polls: int = 2) -> None:
        self.ran: list[dict[str, Any]] = []
        self._codes, self._polls = codes, polls
        self._asked: dict[str, int] = {}

    def run_task(self, **request: Any) -> dict[str, Any]:
        if len(self.ran) == len(self._codes):
            return {"tasks": [], "failures": [{"reason": "Capacity is unavailable"}]}
        self.ran.append(request)
        return {"tasks": [{"taskArn": f"arn:task/{len(self.ran) - 1}"}], "failures": []}

    def describe_tasks(self, *, cluster: str, tasks: list[str]) -> dict[str, Any]:
        [arn] = tasks
        self._asked[arn] = self._asked.get(arn, 0) + 1
        over = self._asked[arn] >= self._polls
        code = self._codes[int(arn.rpartition("/")[2])]
        container: dict[str, Any] = {"name": "operations"}
        if over and code is not None:
            container["exitCode"] = code
        status = "STOPPED" if over else "RUNNING"
        task = {"taskArn": arn, "lastStatus": status, "containers": [container]}
        return {"tasks": [{**task, "stoppedReason": "it ended"}]}

    @property
    def commands(self) -> list[list[str]]:
        return [run["overrides"]["containerOverrides"][0]["command"] for run in self.ran]


def runner(cluster: Cluster, *, timeout: float = 60) -> tuple[Runner, float]:
    """A runner that does not sleep, and a deadline."""
    made = Runner(
        cluster,
        cluster="a-cluster",
        task_definition="a-family",
        container="operations",
        subnets=["subnet-1"],
        security_group="sg-1",
        sleep=lambda _seconds: None,
    )
    return made, time.monotonic() + timeout


def test_each_command_runs_after_the_end_of_the_one_before():
    cluster = Cluster(0, 0)
    made, deadline = runner(cluster)
    run_all(made, BOOTSTRAP, deadline=deadline)
    assert cluster.commands == BOOTSTRAP
    network = cluster.ran[0]["networkConfiguration"]["awsvpcConfiguration"]
    assert network == {
        "subnets": ["subnet-1"],
        "securityGroups": ["sg-1"],
        "assignPublicIp": "DISABLED",
    }


def test_a_failure_is_tried_again_for_servers_may_still_be_starting():
    cluster = Cluster(1, 1, 0, 0)
    made, deadline = runner(cluster)
    run_all(made, BOOTSTRAP, deadline=deadline)
    assert cluster.commands == [*[BOOTSTRAP[0]] * 3, BOOTSTRAP[1]]


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        (Cluster(1, polls=1), r"bootstrap entity: .* ended with {.operations.: 1}: it ended"),
        (Cluster(None, polls=1), r"ended with \{'operations': None\}"),
        (Cluster(), r"no task: .*Capacity is unavailable"),
        (Cluster(0, polls=1_000_000), r"bootstrap entity: arn:task/0 is RUNNING"),
    ],
)
def test_what_does_not_end_well_in_time_is_told(cluster: Cluster, message: str):
    made, deadline = runner(cluster, timeout=0)
    with pytest.raises(NotStartedError, match=message):
        run_all(made, BOOTSTRAP, deadline=deadline)


class Context:
    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@pytest.fixture
def answers(monkeypatch) -> list[dict[str, Any]]:
    """What CloudFormation was told, by a function that otherwise is the deployed one."""
    message: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "functions.custom_resource.reply._put", lambda _url, body: message.append(json.loads(body))
    )
    return message


def event(kind: str) -> dict[str, Any]:
    return {
        "RequestType": kind,
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Start",
        "PhysicalResourceId": "first-start-of-a-family",
        "ResponseURL": "http://127.0.0.1:9",
        "ResourceProperties": {
            "Cluster": "a-cluster",
            "TaskDefinition": "a-family",
            "Container": "operations",
            "Subnets": ["subnet-1"],
            "SecurityGroup": "sg-1",
            "Commands": BOOTSTRAP,
        },
    }


@pytest.mark.parametrize(("kind", "expected"), [("Create", 2), ("Update", 0), ("Delete", 0)])
def test_only_the_creation_of_the_stack_starts_anything(monkeypatch, answers, kind, expected):
    cluster = Cluster(0, 0, polls=1)
    monkeypatch.setattr(entry.boto3, "client", lambda _service: cluster)
    entry.handler(event(kind), Context())
    assert len(cluster.ran) == expected
    [answer] = answers
    assert answer["Status"] == "SUCCESS"
    assert answer["PhysicalResourceId"] == "first-start-of-a-family"


def test_every_poll_waits():
    slept: list[float] = []
    cluster = Cluster(0, polls=4)
    made, deadline = runner(cluster)
    made.sleep = slept.append
    assert made.run(["bootstrap"], deadline=deadline) is None
    assert len(slept) == 3
    assert min(slept) > 0

"""The bootstrap's tasks: each to its end, again after a failure, and only at the first deploy.

moto starts no container, so a cluster of a few lines stands in: it ends each task as it is told.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.first_start import handler as entry
from functions.first_start.tasks import NotStartedError, Runner, run_all

BOOTSTRAP = [["bootstrap", "entity"], ["bootstrap", "transaction"]]


class Cluster:
    """Answers as Amazon ECS does; `codes` are the ends of its tasks, in their order.

    Each of its `unknown` first questions is answered as for a task that ECS does not know yet. It
    stands in for Amazon CloudWatch Logs too, where every task has printed `line` last.
    """

    def __init__(self, *codes: int | None, polls: int = 2, unknown: int = 0) -> None:
        self.ran: list[dict[str, Any]] = []
        self._codes, self._polls, self._unknown = codes, polls, unknown
        self.line = "psycopg.OperationalError: connection refused"
        self._asked: dict[str, int] = {}

    def run_task(self, **request: Any) -> dict[str, Any]:
        if len(self.ran) == len(self._codes):
            return {"tasks": [], "failures": [{"reason": "Capacity is unavailable"}]}
        self.ran.append(request)
        return {"tasks": [{"taskArn": f"arn:task/{len(self.ran) - 1}"}], "failures": []}

    def describe_tasks(self, *, cluster: str, tasks: list[str]) -> dict[str, Any]:
        [arn] = tasks
        self._asked[arn] = self._asked.get(arn, 0) + 1
        if self._asked[arn] <= self._unknown:
            return {"tasks": [], "failures": [{"arn": arn, "reason": "MISSING"}]}
        over = self._asked[arn] >= self._polls
        code = self._codes[int(arn.rpartition("/")[2])]
        container: dict[str, Any] = {"name": "operations"}
        if over and code is not None:
            container["exitCode"] = code
        status = "STOPPED" if over else "RUNNING"
        task = {"taskArn": arn, "taskDefinitionArn": "arn:task-definition/a-family:1"}
        task |= {"lastStatus": status, "containers": [container], "stoppedReason": "it ended"}
        return {"tasks": [task]}

    def describe_task_definition(self, **_: Any) -> dict[str, Any]:
        options = {"awslogs-group": "a-group", "awslogs-stream-prefix": "a-prefix"}
        container = {"name": "operations", "logConfiguration": {"options": options}}
        return {"taskDefinition": {"containerDefinitions": [container]}}

    def get_log_events(self, *, logGroupName: str, logStreamName: str, **_: Any) -> Any:  # noqa: N803 (as boto3 names it)
        assert logGroupName == "a-group"
        assert logStreamName.startswith("a-prefix/operations/")
        return {"events": [{"message": self.line}]}

    @property
    def commands(self) -> list[list[str]]:
        return [run["overrides"]["containerOverrides"][0]["command"] for run in self.ran]


def runner(cluster: Cluster, *, timeout: float = 60) -> tuple[Runner, float]:
    """A runner that does not sleep, and a deadline."""
    made = Runner(
        cluster,
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


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "not yet"}}, "RunTask")


class Refusing(Cluster):
    """Refuses the first calls of each kind: a role that is new is not known everywhere, and
    everybody is throttled now and then."""

    def __init__(self, *codes: int | None) -> None:
        super().__init__(*codes)
        self._refusals = {
            "run_task": ["ClientException", "AccessDeniedException"],
            "describe_tasks": ["ThrottlingException", "AccessDeniedException"],
        }

    def run_task(self, **request: Any) -> dict[str, Any]:
        self._refuse("run_task")
        return super().run_task(**request)

    def describe_tasks(self, **request: Any) -> dict[str, Any]:
        self._refuse("describe_tasks")
        return super().describe_tasks(**request)

    def _refuse(self, name: str) -> None:
        if self._refusals[name]:
            raise refusal(self._refusals[name].pop())


def test_what_a_fresh_role_is_refused_is_asked_again_and_no_task_runs_twice():
    cluster = Refusing(0, 0)
    made, deadline = runner(cluster)
    run_all(made, BOOTSTRAP, deadline=deadline)
    assert cluster.commands == BOOTSTRAP


def test_fails_at_the_deadline_with_what_was_refused():
    cluster = Refusing()
    made, deadline = runner(cluster, timeout=-1)
    with pytest.raises(NotStartedError, match="AccessDeniedException"):
        run_all(made, BOOTSTRAP, deadline=deadline)


def test_a_failure_is_tried_again_for_servers_may_still_be_starting():
    cluster = Cluster(1, 1, 0, 0)
    made, deadline = runner(cluster)
    run_all(made, BOOTSTRAP, deadline=deadline)
    assert cluster.commands == [*[BOOTSTRAP[0]] * 3, BOOTSTRAP[1]]


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        (
            Cluster(1, polls=1),
            r"bootstrap entity: container operations exited with 1; "
            r"its last line: psycopg.OperationalError: connection refused; it ended; task 0",
        ),
        (Cluster(None, polls=1), r"container operations never ran; it ended"),
        (Cluster(), r"started no task: Capacity is unavailable"),
        (Cluster(0, polls=1_000_000), r"bootstrap entity: arn:task/0 is RUNNING"),
        (Cluster(0, unknown=1_000_000), r"bootstrap entity: arn:task/0 is MISSING"),
    ],
)
def test_what_does_not_end_well_in_time_is_reported(cluster: Cluster, message: str):
    made, deadline = runner(cluster, timeout=0)
    with pytest.raises(NotStartedError, match=message):
        run_all(made, BOOTSTRAP, deadline=deadline)


def test_a_task_that_is_not_known_at_once_is_waited_for():
    """DescribeTasks is eventually consistent after RunTask."""
    cluster = Cluster(0, 0, polls=3, unknown=2)
    made, deadline = runner(cluster)
    run_all(made, BOOTSTRAP, deadline=deadline)
    assert cluster.commands == BOOTSTRAP


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
    monkeypatch.setattr(entry.boto3, "client", lambda _service, **_: cluster)
    entry.handler(event(kind), Context())
    assert len(cluster.ran) == expected
    [answer] = answers
    assert answer["Status"] == "SUCCESS"
    assert answer["PhysicalResourceId"] == "first-start-of-a-family"


def test_cloudformation_gets_the_container_s_own_last_line_within_its_limit(monkeypatch, answers):
    """Its answer may have 4,096 bytes, whatever a task prints."""
    cluster = Cluster(1, polls=1)
    cluster.line = "\x00" * 5_000 + "\N{LOCK}" * 5_000
    monkeypatch.setattr(entry.boto3, "client", lambda _service, **_: cluster)
    monkeypatch.setattr(Context, "get_remaining_time_in_millis", lambda _: 0)
    entry.handler(event("Create"), Context())
    [answer] = answers
    assert answer["Status"] == "FAILED"
    assert "bootstrap entity: container operations exited with 1; its last" in answer["Reason"]
    assert len(json.dumps(answer, ensure_ascii=False).encode()) <= 4_096


def test_every_poll_waits():
    slept: list[float] = []
    cluster = Cluster(0, polls=4)
    made, deadline = runner(cluster)
    made.sleep = slept.append
    assert made.run(["bootstrap"], deadline=deadline) is None
    assert len(slept) == 3
    assert min(slept) > 0

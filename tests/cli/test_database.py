"""`mainstay database`: found by the environment's name, started, followed, ended by its code."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.validate import ParamValidator
from moto import mock_aws

from cli import operations_task
from cli.main import main
from tests.cli.conftest import ACCOUNT
from tests.cli.operations_family import register_operations

REGION = "us-east-1"
FAMILY = "mainstay-test-operations"
GROUP = "functions"
SNAPSHOTS = Path(__file__).parents[1] / "snapshots"


@cache
def _aws(service: str, region: str = REGION) -> Any:
    return boto3.client(service, region_name=region)


def _subnet(environment: str, tier: str, number: int) -> dict[str, Any]:
    tags = {"mainstay:environment": environment, "mainstay:tier": tier}
    return {
        "Type": "AWS::EC2::Subnet",
        "Properties": {
            "VpcId": {"Ref": "Vpc"},
            "CidrBlock": f"10.0.{number}.0/24",
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        },
    }


def _group() -> dict[str, Any]:
    properties = {"GroupDescription": "g", "VpcId": {"Ref": "Vpc"}}
    return {"Type": "AWS::EC2::SecurityGroup", "Properties": properties}


class Container:
    """Plays a task: its lines, then its exit code.

    moto's RunTask knows neither network interfaces of tasks nor containers, so what is asked of it
    is held against the API's own model.
    """

    def __init__(self) -> None:
        self.lines: list[str] = ['{"act": "fence", "answer": "fenced"}']
        self.code: int | None = 0
        self.reason = ""  # the container's own
        self.asked = 0
        self.command: list[str] = []
        self.network: dict[str, Any] = {}
        self.started_by = ""

    def clients(self, service: str, region: str) -> Any:
        if service != "ecs":
            return _aws(service, region)
        real = _aws("ecs", region)
        return SimpleNamespace(
            describe_task_definition=real.describe_task_definition,
            run_task=self._run,
            describe_tasks=self._described,
        )

    def _run(self, **given: Any) -> dict[str, Any]:
        shape = _aws("ecs").meta.service_model.operation_model("RunTask").input_shape
        assert not ParamValidator().validate(given, shape).has_errors()
        [cluster] = _aws("ecs").describe_clusters(clusters=[given["cluster"]])["clusters"]
        arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/{cluster['clusterName']}/0123456789abcdef"
        [override] = given["overrides"]["containerOverrides"]
        self.command, self.started_by = override["command"], given["startedBy"]
        self.network = given["networkConfiguration"]["awsvpcConfiguration"]
        stream = "operations/operations/0123456789abcdef"
        _aws("logs").create_log_stream(logGroupName=GROUP, logStreamName=stream)
        now = int(time.time() * 1_000)
        events = [{"timestamp": now, "message": line} for line in self.lines]
        if events:
            _aws("logs").put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)
        return {"tasks": [{"taskArn": arn}], "failures": []}

    def _described(self, *, cluster: str, tasks: list[str]) -> dict[str, Any]:
        self.asked += 1
        if self.asked == 1:
            return {"tasks": []}  # not known yet, as right after a start
        task = {
            "taskArn": tasks[0],
            "lastStatus": "RUNNING" if self.asked == 2 else "STOPPED",
            "stoppedReason": "CannotPullContainerError" if self.code is None else "It exited",
            "taskDefinitionArn": FAMILY,
        }
        container: dict[str, Any] = {"name": "operations"}
        if self.code is not None and self.asked > 2:
            container["exitCode"] = self.code
        if self.reason:
            container["reason"] = self.reason
        return {"tasks": [{**task, "containers": [container]}]}


@pytest.fixture
def container(monkeypatch: pytest.MonkeyPatch) -> Iterator[Container]:
    """Two environments' networks in one account, and the stacks of one's operations."""
    monkeypatch.setattr(operations_task, "_POLL_SECONDS", 0.01)
    monkeypatch.setattr(operations_task, "_LAST_LINES_SECONDS", 0.1)
    with mock_aws():
        _aws.cache_clear()
        vpc = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}
        for number, environment in enumerate(("test", "production")):
            _stack(
                f"mainstay-{environment}-{REGION}-network",
                Vpc=vpc,
                App1=_subnet(environment, "app", 4 * number),
                App2=_subnet(environment, "app", 4 * number + 1),
                Data1=_subnet(environment, "data", 4 * number + 2),
                NetworkGroupsOperationsA1=_group(),
                NetworkGroupsAppB1=_group(),
            )
        _stack(f"mainstay-test-{REGION}-operations", Cluster={"Type": "AWS::ECS::Cluster"})
        register_operations(_aws, family=FAMILY, group=GROUP)
        yield Container()


def _stack(name: str, **resources: Any) -> None:
    body = json.dumps({"Resources": resources})
    _aws("cloudformation").create_stack(StackName=name, TemplateBody=body)


@pytest.fixture
def run_command(container: Container, capsys: pytest.CaptureFixture[str]) -> Any:
    """`said("fence", "entity-a")`: exit code, standard output, standard error."""

    def run(*words: str) -> tuple[int, str, str]:
        arguments = ["database", "-e", "test", "--by", "ana o'neil", *words]
        code = main(arguments, clients=container.clients)
        found = capsys.readouterr()
        return code, found.out, found.err

    return run


def _physical(logical: str) -> str:
    found = _aws("cloudformation").describe_stack_resource(
        StackName=f"mainstay-test-{REGION}-network", LogicalResourceId=logical
    )
    return found["StackResourceDetail"]["PhysicalResourceId"]


def test_an_operation_runs_where_the_environment_s_name_leads(run_command, container):
    code, out, err = run_command("fence", "entity-a")
    assert (code, out) == (0, "act: fence\nanswer: fenced\n"), err
    assert container.command == ["python", "-m", "service.operations", "fence", "entity-a"]
    assert container.network == {
        "subnets": sorted(_physical(name) for name in ("App1", "App2")),
        "securityGroups": [_physical("NetworkGroupsOperationsA1")],
        "assignPublicIp": "DISABLED",
    }
    assert container.started_by == "ana-o-neil"


def test_statements_are_apart_from_the_answer(run_command, container):
    container.lines = ["REVOKE INSERT ON account", '{"act": "fence", "answer": null}']
    code, out, err = run_command("fence", "entity-a", "--dry-run", "--json")
    assert json.loads(out) == {"act": "fence", "answer": None}
    assert "REVOKE INSERT ON account" in err.splitlines()
    assert container.command[3:] == ["--dry-run", "fence", "entity-a"]


def test_options_of_an_operation_reach_it(run_command, container):
    assert run_command("promote", "--lost", "entity-a", "--when-lost")[0] == 0
    assert container.command[3:] == ["promote", "--lost", "entity-a", "--when-lost"]


@pytest.mark.parametrize("code", [1, 2])
def test_its_exit_code_is_the_command_s(run_command, container, code):
    container.code, container.lines = code, ['{"failed": "RefusedError", "reason": "not now"}']
    found, out, _ = run_command("fence", "entity-a")
    assert found == code
    assert "reason: not now" in out


def test_a_task_that_never_ran_says_why(run_command, container):
    container.code, container.lines = None, []
    code, _, err = run_command("fence", "entity-a")
    assert code == 1
    assert err.splitlines()[-1] == (
        "error: container operations never ran; CannotPullContainerError; task 0123456789abcdef"
    )


def test_a_task_that_was_killed_says_by_what_and_what_it_did_last(run_command, container):
    container.code, container.lines = 137, ["COPY account", "CHECKSUM login"]
    container.reason = "OutOfMemoryError: Container killed due to memory usage"
    code, _, err = run_command("fence", "entity-a")
    assert code == 1
    assert err.splitlines()[-1] == (
        f"error: container operations exited with 137 ({container.reason}); "
        "its last line: CHECKSUM login; It exited; task 0123456789abcdef"
    )


@pytest.mark.parametrize("code", [1, 2])
def test_an_end_without_an_answer_says_why(run_command, container, code):
    container.code, container.lines = code, ["Traceback", "KeyError: 'DATABASE_NAME'"]
    found, _, err = run_command("fence", "entity-a")
    assert found == code
    assert f"exited with {code}; its last line: KeyError: 'DATABASE_NAME'; It exited" in err


def test_words_that_no_operation_has_start_nothing(run_command, container):
    for words in (["no-such"], ["fence"], ["promote", "--lost", "entity-c"], []):
        assert run_command(*words)[0] == 2, words
    assert container.command == []


def test_its_help_lists_the_operations_and_each_has_its_own(run_command, container, capsys):
    assert main(["database", "--help"], clients=container.clients) == 0
    out = capsys.readouterr().out
    assert "reconcile" in out
    assert "--dry-run" in out
    code, out, _ = run_command("promote", "--help")
    assert (code, "--when-lost" in out) == (0, True)
    assert container.command == []


def test_ctrl_c_leaves_the_task_running_and_says_how_to_end_it(run_command, monkeypatch):
    def pressed(_: float) -> None:
        raise KeyboardInterrupt

    clock = SimpleNamespace(sleep=pressed, monotonic=time.monotonic)
    monkeypatch.setattr(operations_task, "time", clock)
    code, _, err = run_command("fence", "entity-a")
    assert code == 130
    assert "aws ecs stop-task --cluster" in err.splitlines()[-1]


def test_an_environment_that_is_not_deployed_is_named(container, capsys):
    assert main(["database", "-e", "production", "lag"], clients=container.clients) == 1
    assert (
        "no stack 'mainstay-production-us-east-1-operations' in us-east-1"
        in capsys.readouterr().err
    )


def test_production_s_network_has_one_group_of_operations_and_subnets_with_the_tags():
    """The names by which the command finds them, in the template that is deployed."""
    template = json.loads((SNAPSHOTS / f"mainstay-production-{REGION}-network.json").read_text())
    resources = template["Resources"].items()
    groups = [name for name, each in resources if each["Type"] == "AWS::EC2::SecurityGroup"]
    assert sum(name.startswith("NetworkGroupsOperations") for name in groups) == 1
    wanted = [
        {"Key": "mainstay:environment", "Value": "production"},
        {"Key": "mainstay:tier", "Value": "app"},
    ]
    subnets = [each for _, each in resources if each["Type"] == "AWS::EC2::Subnet"]
    assert sum(all(tag in each["Properties"]["Tags"] for tag in wanted) for each in subnets) == 5

"""A task that is run by itself ends as its containers did, for whoever asks and whoever waits."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from local.waiting import wait_until


@pytest.fixture
def family(aws):
    ecs = aws("ecs")
    name = f"once-{uuid.uuid4().hex[:8]}"
    ecs.create_cluster(clusterName=name)
    ecs.register_task_definition(
        family=name,
        networkMode="awsvpc",
        containerDefinitions=[{"name": "operations", "image": "image:1", "essential": True}],
    )
    yield name
    ecs.delete_cluster(cluster=name)


def _report(aws, family: str, arn: str, code: int) -> None:
    """As the ECS agent does."""
    containers = [{"containerName": "operations", "exitCode": code, "status": "STOPPED"}]
    aws("ecs").submit_task_state_change(
        cluster=family, task=arn, status="STOPPED", containers=containers
    )


def test_a_deployment_is_over_when_the_agent_says_that_its_tasks_run(aws, family):
    """Until then the tasks before it stay: no service is without servers while it is replaced."""
    ecs = aws("ecs")

    def service() -> dict[str, Any]:
        return ecs.describe_services(cluster=family, services=["app"])["services"][0]

    def tasks() -> set[str]:
        return set(ecs.list_tasks(cluster=family, serviceName="app")["taskArns"])

    def report(arns: set[str]) -> None:
        for arn in arns:
            ecs.submit_task_state_change(cluster=family, task=arn, status="RUNNING")

    ecs.create_service(cluster=family, serviceName="app", taskDefinition=family, desiredCount=2)
    assert (service()["runningCount"], service()["pendingCount"]) == (0, 2)
    old = tasks()
    report(old)
    assert (service()["runningCount"], service()["pendingCount"]) == (2, 0)
    made = ecs.register_task_definition(
        family=family,
        networkMode="awsvpc",
        containerDefinitions=[{"name": "operations", "image": "image:2", "essential": True}],
    )
    revision = made["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster=family, service="app", taskDefinition=revision)
    new = tasks() - old
    assert len(new) == 2
    one, other = new
    report({one})
    assert tasks() == old | new
    assert [d["rolloutState"] for d in service()["deployments"]] == ["IN_PROGRESS", "COMPLETED"]
    report({other})
    assert tasks() == new
    assert [d["rolloutState"] for d in service()["deployments"]] == ["COMPLETED"]
    ecs.delete_service(cluster=family, service="app", force=True)


def test_a_task_keeps_how_it_ended(aws, family):
    ecs = aws("ecs")
    [task] = ecs.run_task(cluster=family, taskDefinition=family)["tasks"]
    assert task["lastStatus"] == "RUNNING"
    _report(aws, family, task["taskArn"], 3)
    [found] = ecs.describe_tasks(cluster=family, tasks=[task["taskArn"]])["tasks"]
    assert (found["lastStatus"], found["stopCode"]) == ("STOPPED", "EssentialContainerExited")
    assert found["stoppedReason"] == "Essential container in task exited"
    assert [container["exitCode"] for container in found["containers"]] == [3]
    assert ecs.list_tasks(cluster=family)["taskArns"] == []


@pytest.mark.parametrize(("code", "expected"), [(0, "SUCCEEDED"), (1, "FAILED")])
def test_a_state_machine_goes_on_with_the_task_or_fails_with_it(aws, family, code, expected):
    states = aws("stepfunctions")
    definition = {
        "StartAt": "Run",
        "States": {
            "Run": {
                "Type": "Task",
                "Resource": "arn:aws:states:::ecs:runTask.sync",
                "Parameters": {"Cluster": family, "TaskDefinition": family},
                "End": True,
            }
        },
    }
    machine = states.create_state_machine(
        name=family,
        definition=json.dumps(definition),
        roleArn="arn:aws:iam::111122223333:role/any",
    )["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]
    tasks: list[str] = []

    def started() -> bool:
        tasks[:] = aws("ecs").list_tasks(cluster=family)["taskArns"]
        return bool(tasks)

    wait_until(started, "the task's start")
    _report(aws, family, tasks[0], code)
    wait_until(
        lambda: states.describe_execution(executionArn=execution)["status"] != "RUNNING",
        "the execution's end",
    )
    found = states.describe_execution(executionArn=execution)
    assert found["status"] == expected
    if expected == "SUCCEEDED":
        task = json.loads(found["output"])
        assert task["LastStatus"] == "STOPPED"
        assert task["Containers"][0]["ExitCode"] == 0
    else:
        assert found["error"] == "States.TaskFailed"
        assert json.loads(found["cause"])["Containers"][0]["ExitCode"] == 1
    states.delete_state_machine(stateMachineArn=machine)

"""A task that is run by itself ends as its containers did, for whoever asks and whoever waits."""

from __future__ import annotations

import json
import uuid

import pytest

from local import process


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
    """As the keeper does."""
    containers = [{"containerName": "operations", "exitCode": code, "status": "STOPPED"}]
    aws("ecs").submit_task_state_change(
        cluster=family, task=arn, status="STOPPED", containers=containers
    )


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

    assert process.until(started, seconds=30)
    _report(aws, family, tasks[0], code)
    assert process.until(
        lambda: states.describe_execution(executionArn=execution)["status"] != "RUNNING",
        seconds=30,
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

"""The synthesized definition before any run: its grammar, and every API that its tasks name."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.upgrade.models import objections
from tests.upgrade.synthesized import definition_of

VALIDATOR = ROOT / "node_modules" / ".bin" / "asl-validator"
MACHINE = "AWS::StepFunctions::StateMachine"


@pytest.fixture(scope="session")
def definitions(assembly_of) -> dict[str, str]:
    """By environment, of those that have a machine."""
    return {
        environment: definition_of(stack.template)
        for environment in ("production", "small", "dev")
        for stack in assembly_of(environment).stacks.values()
        if stack.of_type(MACHINE) and stack.name.endswith("upgrade")
    }


def validated(folder, texts: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """By asl-validator, all at once: it is node's start that takes time."""
    words = []
    for name, text in texts.items():
        path = folder / f"{name}.asl.json"
        path.write_text(text)
        words += ["--json-path", str(path)]
    return subprocess.run(
        [str(VALIDATOR), *words], capture_output=True, text=True, check=False, timeout=120
    )


def spoilt(definition: str, state: str, **changes: Any) -> str:
    shape = json.loads(definition)
    shape["States"][state].update(changes)
    return json.dumps(shape)


def test_the_definition_of_every_environment_is_valid(definitions, tmp_path):
    assert {"production", "small"} <= set(definitions)
    done = validated(tmp_path, definitions)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("state", "changes", "message"),
    [
        ("Commit", {"Next": "Nowhere"}, "MISSING_TRANSITION_TARGET"),
        ("Commit", {"InputPath": "$.x"}, "States"),
        ("Commit", {"Output": "{% $states.( %}"}, "Output"),
        ("Commit", {"Catch": [{"ErrorEquals": ["States.ALL"]}]}, "Next"),
    ],
    ids=["a dangling Next", "a path in JSONata", "broken JSONata", "a Catch to nowhere"],
)
def test_fails_on_a_broken_grammar(definition, tmp_path, state, changes, message):
    done = validated(tmp_path, {"broken": spoilt(definition, state, **changes)})
    assert done.returncode == 1, done.stdout + done.stderr
    assert message in done.stdout + done.stderr


def test_every_task_names_an_api_and_parameters_that_there_are(definitions):
    for definition in definitions.values():
        assert objections(definition) == []


TASK, NOTIFY, CALL = "Upgrade the primary master", "Notify the operators", "Commit"


@pytest.mark.parametrize(
    ("state", "changes", "objection"),
    [
        (CALL, {"Resource": "arn:aws:states:::lambda:Invoke"}, "is no integration"),
        (CALL, {"Resource": "arn:aws:states:::aws-sdk:elbv2:modifyRule"}, "no service 'elbv2'"),
        (CALL, {"Resource": "arn:aws:states:::aws-sdk:ecs:updateServices"}, "no action"),
        (CALL, {"Resource": "arn:aws:states:us-west-2::lambda:invoke"}, "is no integration"),
        (CALL, {"Resource": "arn:aws:states:::lambda:invoke.sync"}, "knows no '.sync'"),
        (TASK, {"Resource": "arn:aws:states:::ecs:runTasks.sync"}, "is no integration"),
    ],
)
def test_fails_on_an_api_that_there_is_not(definition, state, changes, objection):
    [found] = objections(spoilt(definition, state, **changes))
    assert found.startswith(state)
    assert objection in found


def _changed(value: Any, path: str, to: Any) -> Any:
    """`value` with what stands at `path`, such as "A.0.B", replaced; None removes it."""
    name, _, rest = path.partition(".")
    key: Any = int(name) if isinstance(value, list) else name
    if rest:
        _changed(value[key], rest, to)
    elif to is None:
        del value[key]
    else:
        value[key] = to
    return value


CONTAINER = "Overrides.ContainerOverrides.0"
NETWORK = "NetworkConfiguration.AwsvpcConfiguration"


@pytest.mark.parametrize(
    ("state", "path", "to", "objection"),
    [
        (TASK, "cluster", "c", "RunTask knows no 'cluster'"),
        (TASK, "TaskDefinition", None, "RunTask needs 'TaskDefinition'"),
        (TASK, "StartedBy", "me", "RunTask does not take 'StartedBy' from a state"),
        (TASK, "LaunchType", "Fargate", "should be one of EC2, FARGATE"),
        (TASK, "Group", 7, "RunTask.Group should be a string, got 7"),
        (TASK, "Count", True, "RunTask.Count should be a integer, got True"),
        (TASK, f"{NETWORK}.subnets", ["s"], "AwsvpcConfiguration knows no 'subnets'"),
        (TASK, f"{NETWORK}.Subnets", None, "AwsvpcConfiguration needs 'Subnets'"),
        (TASK, f"{NETWORK}.Subnets", "s", "Subnets should be a list, got 's'"),
        (TASK, f"{CONTAINER}.Comand", ["x"], "ContainerOverrides[] knows no 'Comand'"),
        (TASK, f"{CONTAINER}.Command", ["x", 1], "Command[] should be a string, got 1"),
        (CALL, "Functionname", "f", "Invoke knows no 'Functionname'"),
        (CALL, "FunctionName", None, "Invoke needs 'FunctionName'"),
        (CALL, "InvocationType", "Sync", "should be one of Event, RequestResponse"),
        (NOTIFY, "Topic", "t", "Publish knows no 'Topic'"),
        (NOTIFY, "Subject", {"a": "b"}, "Publish.Subject should be a string"),
    ],
)
def test_fails_on_a_parameter_that_the_api_does_not_know(definition, state, path, to, objection):
    arguments = json.loads(definition)["States"][state]["Arguments"]
    text = spoilt(definition, state, Arguments=_changed(arguments, path, to))
    [found] = objections(text)
    assert found.startswith(state)
    assert objection in found

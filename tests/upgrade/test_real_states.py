"""A state of every kind, asked of AWS Step Functions itself; offline, that the questions are valid.

    ACCOUNT_PROFILE=<a profile of yours> .venv/bin/pytest -m account tests/upgrade

asks a real account (states:TestState in us-east-1, nothing else): it changes and runs nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.session import Session
from botocore.validate import ParamValidator

from tests.upgrade.real_states import REAL_STATES, RealState

_SHAPE: Any = Session().get_service_model("stepfunctions").operation_model("TestState").input_shape


@pytest.fixture(scope="module")
def account():
    """A client with a person's own credentials: every other test has none that work."""
    core = Session(profile=os.environ.get("ACCOUNT_PROFILE", "default"))
    core.set_config_variable("config_file", "~/.aws/config")
    core.set_config_variable("credentials_file", "~/.aws/credentials")
    session = boto3.Session(botocore_session=core, region_name="us-east-1")
    return session.client("stepfunctions")


@pytest.mark.account
@pytest.mark.parametrize("wanted", REAL_STATES, ids=str)
def test_aws_does_the_state_as_it_is_meant(account, definition, wanted):
    answer = account.test_state(**wanted.call(definition))
    assert answer["status"] == wanted.status
    assert answer.get("nextState") == wanted.next
    if wanted.fails:
        assert answer["error"] == wanted.fails
    kept = json.loads(answer.get("inspectionData", {}).get("variables", "{}"))
    assert wanted.keeps.items() <= kept.items()


def too_long(value: Any, shape: Any, path: str = "") -> Iterator[str]:
    """What is longer than the API takes, which the SDK's own validation lets pass."""
    if shape.type_name == "structure":
        for name, each in value.items():
            yield from too_long(each, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "string" and len(value) > shape.metadata.get("max", len(value)):
        yield f"{path} has {len(value)} characters of {shape.metadata['max']}"
    if (values := shape.metadata.get("enum")) and value not in values:
        yield f"{path} should be one of {values}, got '{value}'"


def objections(call: dict[str, Any]) -> list[str]:
    report = ParamValidator().validate(call, _SHAPE)
    return [report.generate_report()] if report.has_errors() else [*too_long(call, _SHAPE)]


@pytest.mark.parametrize("wanted", REAL_STATES, ids=str)
def test_the_question_is_one_that_the_api_takes(definition, wanted):
    assert objections(wanted.call(definition)) == []
    for part in ("input", "context", "variables"):
        json.loads(wanted.call(definition)[part])


@pytest.mark.parametrize(
    ("change", "objection"),
    [
        ({"stateNames": "Upgraded"}, "Unknown parameter"),
        ({"mock": {"errorOutput": "no"}}, "Invalid type"),
        ({"definition": None}, "Invalid type"),
        ({"stateName": "x" * 81}, "has 81 characters of 80"),
        ({"inspectionLevel": "ALL"}, "should be one of"),
        ({"mock": {"fieldValidationMode": "STRICTLY"}}, "should be one of"),
    ],
)
def test_fails_on_a_question_that_it_does_not_take(definition, change, objection):
    [found] = objections({**REAL_STATES[0].call(definition), **change})
    assert objection in found


def test_every_kind_of_state_is_asked_for(definition):
    states = json.loads(definition)["States"]

    def kind(name: str) -> tuple[str, str]:
        return states[name]["Type"], states[name].get("Resource", "")

    assert {kind(each.state) for each in REAL_STATES} == {kind(name) for name in states}
    for name in states:
        assert len(name) <= _SHAPE.members["stateName"].metadata["max"]


@pytest.mark.parametrize("wanted", REAL_STATES, ids=str)
def test_what_is_expected_stands_in_the_definition(definition, wanted):
    state = json.loads(definition)["States"][wanted.state]
    if wanted.fails:
        assert state["Error"] == wanted.fails
    assert (wanted.next or "") in _ways(state, wanted)
    retriers = state.get("Retry", [])
    named = [each for each in retriers if wanted.error in each["ErrorEquals"]]
    if wanted.status == "RETRIABLE":
        assert named[0]["MaxAttempts"] > (wanted.retried or 0)
    elif wanted.retried is not None:
        assert named[0]["MaxAttempts"] == wanted.retried  # spent


def _ways(state: dict[str, Any], wanted: RealState) -> set[str]:
    """Where the state may lead, with what is expected of it."""
    match wanted.status, state["Type"]:
        case "CAUGHT_ERROR", _:
            return {catcher["Next"] for catcher in state["Catch"]}
        case "SUCCEEDED", "Choice":
            return {state["Default"], *(choice["Next"] for choice in state["Choices"])}
        case "SUCCEEDED", "Task" | "Wait":
            return {state["Next"]}
    return {""}

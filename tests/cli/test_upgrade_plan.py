"""`mainstay upgrade plan`: a task of the new image, and its answer for people and programs."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from cli import upgrade
from cli.main import main
from tests.cli.test_database import FAMILY, Container, _aws, container

__all__ = ["container"]
PLAN: dict[str, Any] = {
    "class": "breaking",
    "stores": {
        "entity": [
            {
                "version": 2,
                "name": "credentials_by_kind",
                "kind": "breaking",
                "reasons": ["rewrites account, for which everybody waits"],
                "problems": [],
            }
        ],
        "transaction": [],
    },
}


class TaskOfPlan(Container):
    """Plays the task, and keeps what it was of."""

    ran: dict[str, Any] = {}

    def clients(self, service: str, region: str) -> Any:
        found = super().clients(service, region)
        if service == "ecs":
            real = _aws("ecs", region)
            found.register_task_definition = real.register_task_definition
            found.deregister_task_definition = real.deregister_task_definition
        return found

    def _run(self, **given: Any) -> dict[str, Any]:
        self.ran = _aws("ecs").describe_task_definition(taskDefinition=given["taskDefinition"])
        return super()._run(**given)


@pytest.fixture
def task(container) -> TaskOfPlan:
    made = TaskOfPlan()
    made.lines = [json.dumps({"command": "upgrade", "answer": PLAN})]
    return made


def run(task: TaskOfPlan, *words: str) -> int:
    return main(["upgrade", "plan", "-e", "test", "--image", "next", *words], clients=task.clients)


def test_the_class_and_the_reasons_are_shown_before_anything_begins(task, capsys):
    assert run(task) == 0
    assert capsys.readouterr().out.splitlines() == [
        "class: breaking",
        "entity 0002 credentials_by_kind: breaking",
        "  rewrites account, for which everybody waits",
    ]
    assert task.command == ["python", "-m", "service.operations", "upgrade", "plan"]


def test_it_is_a_task_of_the_image_by_a_definition_of_its_own(task):
    run(task)
    ran = task.ran["taskDefinition"]
    assert [each["image"] for each in ran["containerDefinitions"]] == ["next"]
    assert ran["family"] == f"{FAMILY}-plan"
    newest = _aws("ecs").describe_task_definition(taskDefinition=FAMILY)["taskDefinition"]
    assert newest["containerDefinitions"][0]["image"] == "i"
    left = _aws("ecs").list_task_definitions(familyPrefix=f"{FAMILY}-plan", status="ACTIVE")
    assert left["taskDefinitionArns"] == []


def test_what_an_upgrade_would_refuse_ends_with_1(task, capsys):
    [entity] = PLAN["stores"]["entity"]
    refused = {**entity, "problems": ["does not run: no such table"]}
    plan = {**PLAN, "stores": {"entity": [refused]}}
    task.lines = [json.dumps({"command": "upgrade", "answer": plan})]
    assert run(task, "--json") == 1
    assert json.loads(capsys.readouterr().out) == plan


def test_an_upgrade_whose_plan_is_refused_is_not_started(task, capsys, monkeypatch):
    upgrades = SimpleNamespace(running=lambda _: [])  # whose `start` there is not
    monkeypatch.setattr(upgrade, "Upgrades", lambda *_, **__: upgrades)
    [entity] = PLAN["stores"]["entity"]
    refused = {**entity, "problems": ["does not run: no such table"]}
    task.lines = [json.dumps({"answer": {**PLAN, "stores": {"entity": [refused]}}})]
    assert main(["upgrade", "start", "-e", "test", "--image", "next"], clients=task.clients) == 1
    shown = capsys.readouterr()
    assert "REFUSED: does not run: no such table" in shown.out
    assert "nothing was started: put right what the plan shows" in shown.out + shown.err


def test_a_task_that_fails_says_why_and_leaves_no_definition(task, capsys):
    task.code, task.lines = 1, ['{"failed": "DeclinedError", "reason": "not alike"}']
    assert run(task) == 1
    assert "reason: not alike" in capsys.readouterr().out
    left = _aws("ecs").list_task_definitions(familyPrefix=f"{FAMILY}-plan", status="ACTIVE")
    assert left["taskDefinitionArns"] == []

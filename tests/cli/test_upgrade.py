"""`mainstay upgrade`, as a person types it."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from cli import upgrade
from cli.main import main
from local.waiting import wait_until
from tests.upgrade.interpreter import _machine
from tests.upgrade.regions import NEW, PRIMARY, aws
from tests.upgrade.world import UPGRADE, Fault

_TABLE = f"control-{PRIMARY}"


def _clients(world, service: str, region: str):
    if service != "cloudformation":
        return world.client(service, region)
    table = {
        "LogicalResourceId": "Table",
        "ResourceType": "AWS::DynamoDB::GlobalTable",
        "PhysicalResourceId": _TABLE,
    }
    pages = SimpleNamespace(paginate=lambda **_: [{"StackResourceSummaries": [table]}])
    return SimpleNamespace(get_paginator=lambda _: pages)


@pytest.fixture
def said(machine, world, definition, capsys, monkeypatch):
    """`said("status")`: the exit code and what was printed."""
    monkeypatch.setattr(upgrade, "_POLL_SECONDS", 0.01)
    _machine(aws("stepfunctions", PRIMARY), definition)

    def say(command, *words):
        arguments = ["upgrade", command, "--environment", "test", "--by", "me", *words]
        code = main(arguments, clients=lambda *of: _clients(world, *of))
        found = capsys.readouterr()
        return code, found.out + found.err

    return say


def test_an_upgrade_is_started_and_followed(said, world):
    code, text = said("start", "--image", NEW, "--id", UPGRADE, "--bake", "20")
    assert code == 0, text
    assert "done     unlock" in text
    assert text.rstrip().endswith("upgraded: every row of the table is done")
    code, text = said("status", "--id", UPGRADE)
    assert code == 0
    assert "upgraded" in text
    assert "past the commit point" in text
    assert world.lock() is None


def test_one_that_stopped_says_why_and_what_is_next_and_goes_on(said, world):
    world.faults = [Fault("Compare both masters", "before")]
    code, text = said("start", "--image", NEW, "--id", UPGRADE)
    assert code == 1
    assert "Upgrade.Stopped" in text
    code, text = said("status")
    assert "why: " in text
    assert "before at Compare both masters" in text
    assert text.rstrip().endswith("next: `mainstay upgrade resume`")
    code, text = said("abort")
    assert code == 1
    assert "past its commit point: `mainstay upgrade resume`" in text
    world.faults = []
    assert said("resume")[0] == 0


def test_an_abort_before_the_commit_point_is_what_was_asked_for(said, world):
    world.faults = [Fault("Smoke-test the new code", "kill-before", times=1)]
    assert said("start", "--image", NEW, "--id", UPGRADE)[0] == 1
    world.dead, world.faults = False, []
    code, text = said("abort")
    assert code == 0, text
    assert world.state() == world.at_first


def test_without_an_upgrade_under_way_it_says_so(said):
    code, text = said("status")
    assert code == 1
    assert "the lock is nobody's" in text


def test_a_program_reads_an_object_a_line(said):
    code, text = said("start", "--image", NEW, "--id", UPGRADE, "--bake", "0", "--json")
    assert code == 0, text
    begun, *journal, ended = map(json.loads, text.splitlines())
    assert (begun["upgrade"], begun["image"]) == (UPGRADE, NEW)
    assert {each["step"] for each in journal} >= {"enter", "leave", "unlock"}
    assert ended["outcome"] == "upgraded"
    code, text = said("status", "--id", UPGRADE, "--json")
    shown = json.loads(text.splitlines()[-1])
    assert (shown["outcome"], shown["next"]) == ("upgraded", [])


def test_ctrl_c_ends_the_watching_and_not_the_upgrade(said, monkeypatch):
    def pressed(_: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as waiting:
        waiting.setattr(upgrade, "time", SimpleNamespace(sleep=pressed))
        code, text = said("start", "--image", NEW, "--id", UPGRADE, "--bake", "0")
    assert code == 130
    assert text.splitlines()[-1] == "error: the upgrade goes on: `mainstay upgrade status` shows it"
    ended = lambda: "not running" in said("status", "--id", UPGRADE)[1]  # noqa: E731
    wait_until(ended, "the upgrade has ended", seconds=60)
    assert "upgraded at" in said("status", "--id", UPGRADE)[1]

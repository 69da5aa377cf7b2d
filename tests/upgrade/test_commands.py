"""`mainstay-upgrade`, as a person says it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cli.upgrade import main as upgrade_cli
from tests.upgrade.interpreter import _machine
from tests.upgrade.regions import NEW, PRIMARY, aws
from tests.upgrade.world import UPGRADE, Fault

_TABLE = f"control-{PRIMARY}"


@pytest.fixture
def client(world):
    return lambda service: _client(world, service)


def _client(world, service: str):
    if service != "cloudformation":
        return world.client(service, PRIMARY)
    resource = {"ResourceType": "AWS::DynamoDB::GlobalTable", "PhysicalResourceId": _TABLE}
    return SimpleNamespace(
        describe_stack_resources=lambda **_: {"StackResources": [resource]},
        exceptions=SimpleNamespace(ClientError=LookupError),
    )


@pytest.fixture
def say(machine, client, definition, capsys, monkeypatch):
    """`say("status")`: the exit code and what was printed."""
    monkeypatch.setattr(upgrade_cli, "_PAUSE_SECONDS", 0.01)
    _machine(aws("stepfunctions", PRIMARY), definition)
    return lambda *words: _said(upgrade_cli.main, client, capsys, words)


def _said(main, client, capsys, words):
    code = main(["--environment", "test", "--by", "me", *words], client=client)
    told = capsys.readouterr()
    return code, told.out + told.err


def test_an_upgrade_is_started_followed_and_told(say, world):
    code, told = say("start", "--image", NEW, "--id", UPGRADE, "--bake", "20")
    assert code == 0, told
    assert "done     unlock" in told
    assert told.rstrip().endswith("upgraded: every row of the table is done")
    code, told = say("status", "--id", UPGRADE)
    assert code == 0
    assert "upgraded" in told
    assert "past the commit point" in told
    assert world.lock() is None


def test_one_that_stopped_says_why_and_what_is_next_and_goes_on(say, world):
    world.faults = [Fault("Compare both masters", "before")]
    code, told = say("start", "--image", NEW, "--id", UPGRADE)
    assert code == 1
    assert "Upgrade.Stopped" in told
    code, told = say("status")
    assert "why: " in told
    assert "before at Compare both masters" in told
    assert told.rstrip().endswith("next: `mainstay-upgrade resume`")
    code, told = say("abort")
    assert code == 1
    assert "past its commit point: resume it" in told
    world.faults = []
    assert say("resume")[0] == 0


def test_an_abort_before_the_commit_point_is_what_was_asked_for(say, world):
    world.faults = [Fault("Smoke-test the new code", "kill-before", times=1)]
    assert say("start", "--image", NEW, "--id", UPGRADE)[0] == 1
    world.dead, world.faults = False, []
    code, told = say("abort")
    assert code == 0, told
    assert world.state() == world.at_first


def test_without_an_upgrade_under_way_it_says_so(say):
    code, told = say("status")
    assert code == 1
    assert "the lock is nobody's" in told

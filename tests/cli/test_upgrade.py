"""`mainstay upgrade`, as a person types it."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from cli import upgrade
from cli.main import main
from local.waiting import wait_until
from tests.upgrade.fault import Fault
from tests.upgrade.interpreter import _machine
from tests.upgrade.regions import NEW, PRIMARY, aws
from tests.upgrade.simulated_account import UPGRADE
from tests.upgrade.test_machine import out_of_memory

_TABLE = f"control-{PRIMARY}"


def _clients(account, service: str, region: str):
    if service != "cloudformation":
        return account.client(service, region)
    table = {
        "LogicalResourceId": "Table",
        "ResourceType": "AWS::DynamoDB::GlobalTable",
        "PhysicalResourceId": _TABLE,
    }
    pages = SimpleNamespace(paginate=lambda **_: [{"StackResourceSummaries": [table]}])
    return SimpleNamespace(get_paginator=lambda _: pages)


@pytest.fixture
def run_command(machine, account, definition, capsys, monkeypatch):
    """`said("status")`: the exit code and what was printed."""
    monkeypatch.setattr(upgrade, "_POLL_SECONDS", 0.01)
    kind = {True: "additive", False: "breaking"}  # tests/cli/test_upgrade_plan.py has the plan
    monkeypatch.setattr(upgrade, "planned", lambda *_, **__: kind[account.databases.adds])
    _machine(aws("stepfunctions", PRIMARY), definition)

    def run(command, *words):
        arguments = ["upgrade", command, "--environment", "test", "--by", "me", *words]
        code = main(arguments, clients=lambda *of: _clients(account, *of))
        found = capsys.readouterr()
        return code, found.out + found.err

    return run


def test_an_upgrade_is_started_and_followed(run_command, account):
    code, text = run_command("start", "--image", NEW, "--id", UPGRADE, "--bake", "20")
    assert code == 0, text
    assert "done     unlock" in text
    assert text.rstrip().endswith("upgraded: every row of the table is done")
    code, text = run_command("status", "--id", UPGRADE)
    assert code == 0
    assert "upgraded" in text
    assert "past the commit point" in text
    assert account.lock() is None


def test_it_goes_by_the_class_that_the_plan_has(run_command, account):
    account.databases.adds = True
    code, text = run_command("start", "--image", NEW, "--id", UPGRADE)
    assert code == 0, text
    assert f"upgrade {UPGRADE} to {NEW} (additive, with no read-only window)" in text
    assert "begun    widen" in text
    assert "begun    enter" not in text


def test_the_class_of_a_person_goes_before_the_plans_and_may_only_be_stricter(run_command, account):
    code, text = run_command("start", "--image", NEW, "--id", UPGRADE, "--class", "additive")
    assert code == 1
    assert "its migrations may only add" in text
    account.databases.adds = True
    code, text = run_command("start", "--image", NEW, "--id", "again", "--class", "breaking")
    assert "(breaking, in eight steps)" in text


def test_a_short_bake_says_what_judges_it(run_command):
    _, text = run_command("start", "--image", NEW, "--id", UPGRADE, "--bake", "20")
    assert "A bake of 20 s is shorter than the 240 s" in text
    assert "the canary's logins alone judge the new code" in text


def test_one_that_stopped_says_why_and_what_is_next_and_goes_on(run_command, account):
    account.faults = [Fault("Compare both masters", "before")]
    code, text = run_command("start", "--image", NEW, "--id", UPGRADE)
    assert code == 1
    assert "Upgrade.Stopped" in text
    code, text = run_command("status")
    assert "why: " in text
    assert "before at Compare both masters" in text
    assert text.rstrip().endswith("next: `mainstay upgrade resume`")
    code, text = run_command("abort")
    assert code == 1
    assert "past its commit point: `mainstay upgrade resume`" in text
    account.faults = []
    assert run_command("resume")[0] == 0


def test_status_has_the_end_of_an_operation_s_container(run_command, account, monkeypatch):
    why = out_of_memory(account, monkeypatch, "compare")
    assert run_command("start", "--image", NEW, "--id", UPGRADE)[0] == 1
    code, text = run_command("status")
    assert code == 0
    assert f"why: {why}" in text


def test_an_abort_before_the_commit_point_is_what_was_asked_for(run_command, account):
    account.faults = [Fault("Smoke-test the new code", "kill-before", times=1)]
    assert run_command("start", "--image", NEW, "--id", UPGRADE)[0] == 1
    account.dead, account.faults = False, []
    code, text = run_command("abort")
    assert code == 0, text
    assert account.state() == account.at_first


def test_what_a_helper_that_was_left_out_is_owed_is_shown_and_paid(run_command, account):
    account.faults = [Fault("Open the primary master", "standby-away", times=1)]
    assert run_command("start", "--image", NEW, "--id", UPGRADE)[0] == 1
    assert "owed: trail (us-west-2: " in run_command("status")[1]
    account.faults = []
    assert run_command("resume", "--without", "standby")[0] == 0
    code, text = run_command("status", "--id", UPGRADE)
    assert code == 0
    assert "owed: trail (us-west-2 is left out)" in text
    assert text.rstrip().endswith("next: `mainstay upgrade resume`")
    account.repair()
    assert run_command("resume", "--id", UPGRADE)[0] == 0
    lines = run_command("status", "--id", UPGRADE)[1].splitlines()
    assert not [line for line in lines if line.startswith("owed: ")]


def test_without_an_upgrade_under_way_it_says_so(run_command):
    code, text = run_command("status")
    assert code == 1
    assert "the lock is nobody's" in text


def test_a_program_reads_an_object_a_line(run_command):
    code, text = run_command("start", "--image", NEW, "--id", UPGRADE, "--bake", "0", "--json")
    assert code == 0, text
    begun, *journal, ended = map(json.loads, text.splitlines())
    assert (begun["upgrade"], begun["image"]) == (UPGRADE, NEW)
    assert {each["step"] for each in journal} >= {"enter", "leave", "unlock"}
    assert ended["outcome"] == "upgraded"
    code, text = run_command("status", "--id", UPGRADE, "--json")
    shown = json.loads(text.splitlines()[-1])
    assert (shown["outcome"], shown["next"]) == ("upgraded", [])


def test_ctrl_c_ends_the_watching_and_not_the_upgrade(run_command, monkeypatch):
    def pressed(_: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as waiting:
        waiting.setattr(upgrade, "time", SimpleNamespace(sleep=pressed))
        code, text = run_command("start", "--image", NEW, "--id", UPGRADE, "--bake", "0")
    assert code == 130
    assert text.splitlines()[-1] == "error: the upgrade goes on: `mainstay upgrade status` shows it"

    def ended() -> bool:
        return "not running" in run_command("status", "--id", UPGRADE)[1]

    wait_until(ended, "the upgrade has ended", seconds=60)
    assert "upgraded at" in run_command("status", "--id", UPGRADE)[1]

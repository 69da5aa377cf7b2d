"""The synthesized machine, run in memory: how it goes, and what makes it go back or stop.

Every fault at every state is `make upgrade-faults`; here are the ways that differ.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from functions.control_table import lock, mode
from functions.upgrade import plan as plans
from functions.upgrade.errors import NotYetError
from mainstay.upgrade.rows import ADDITIVE, Operation
from mainstay.upgrade.steps import STEPS
from tests.conftest import ROOT
from tests.upgrade.cases import cases
from tests.upgrade.databases import RefusedError
from tests.upgrade.fault import Fault
from tests.upgrade.faults import SAMPLE
from tests.upgrade.regions import NEW, OLD, PRIMARY, STANDBY, aws
from tests.upgrade.simulated_account import (
    ENDS,
    ROLLED_BACK,
    SERVED,
    STOPPED,
    UPGRADE,
    UPGRADED,
)


def test_every_row_is_done_in_the_order_of_the_table(upgrade, account):
    ended = upgrade("first")
    assert account.outcome(ended) == UPGRADED
    names = [state for state in ended["path"] if state in {step.name for step in STEPS}]
    assert names == [step.name for step in STEPS if step.only != ADDITIVE]
    assert not [state for state in ended["path"] if state.startswith("Undo")]
    assert "Stop" not in ended["path"]


def test_an_upgrade_that_has_ended_ends_again_and_changes_nothing(upgrade, account):
    upgrade("first")
    before = account.state()
    assert upgrade("again")["status"] == "SUCCEEDED"
    assert account.state() == before


def test_new_code_that_fails_its_smoke_test_never_has_traffic_and_everything_returns(
    upgrade, account
):
    account.ecs[PRIMARY].broken.add(NEW)
    ended = upgrade("first")
    assert account.outcome(ended) == ROLLED_BACK
    assert "no login succeeds on the new code" in ended["cause"]
    assert "Give the new code a tenth" not in ended["path"]


@pytest.mark.parametrize("state", ["ALARM", "INSUFFICIENT_DATA"])
def test_an_alarm_at_the_tenth_or_one_without_a_verdict_takes_everything_back(
    upgrade, account, state
):
    def spoil(name: str) -> None:
        if name == "Judge the new code":
            aws("cloudwatch", PRIMARY).set_alarm_state(
                AlarmName="failing-green", StateValue=state, StateReason="a test"
            )

    account.before_state = spoil
    assert account.outcome(upgrade("first")) == ROLLED_BACK


def test_a_lock_of_somebody_else_is_left_alone(upgrade, account):
    dynamodb = account.client("dynamodb", PRIMARY)
    lock.acquire(dynamodb, f"control-{PRIMARY}", holder="a deploy", token="theirs", at=account.now)
    ended = upgrade("first")
    assert ended["error"] == "Upgrade.Refused"
    assert "a deploy" in ended["cause"]
    assert account.state() == account.at_first
    assert account.lock().token == "theirs"


@pytest.mark.parametrize("region", [PRIMARY, STANDBY])
def test_it_does_not_begin_while_somebody_needs_read_only(upgrade, account, region):
    dynamodb = account.client("dynamodb", region)
    mode.enter_read_only(dynamodb, f"control-{region}", reason="lag", by="an alarm", at=account.now)
    ended = upgrade("first")
    assert ended["error"] == "Upgrade.Refused"
    assert account.lock() is None
    assert account.mode(region).by == "an alarm"


def _stolen_at(account, state: str, region: str = PRIMARY) -> None:
    def steal(name: str) -> None:
        if name == state:
            mode.enter_read_only(
                account.client("dynamodb", region),
                f"control-{region}",
                reason="the writer is gone",
                by="an alarm",
                at=account.now,
            )

    account.before_state = steal


@pytest.mark.parametrize(
    "state", ["Upgrade the primary master: note", "Commit", "Return to read-write mode"]
)
def test_an_epoch_that_is_stolen_stops_it_and_stays_with_whoever_took_it(upgrade, account, state):
    _stolen_at(account, state)
    ended = upgrade("first")
    assert account.outcome(ended) == STOPPED
    assert "an alarm" in ended["cause"]
    assert account.mode(PRIMARY).by == "an alarm"


def test_after_a_stolen_epoch_an_abort_undoes_all_but_that_mode(upgrade, account):
    _stolen_at(account, "Commit")
    upgrade("first")
    account.before_state = lambda _: None
    ended = upgrade("aborted", intent="abort")
    assert ended["error"] == "Upgrade.RolledBack"
    left = account.state()
    assert left["modes"] == {PRIMARY: "READ_ONLY", STANDBY: "READ_WRITE"}
    assert {**left, "modes": None} == {**account.at_first, "modes": None}
    assert account.lock() is None


def test_after_a_stolen_epoch_a_person_may_take_it_and_go_on(upgrade, account):
    _stolen_at(account, "Return to read-write mode")
    upgrade("first")
    account.before_state = lambda _: None
    assert account.outcome(upgrade("resumed", take_mode=True)) == UPGRADED


def test_read_only_by_somebody_else_after_the_window_does_not_stop_it_and_stays(upgrade, account):
    _stolen_at(account, "Upgrade the trailing half")
    ended = upgrade("first")
    assert ended["status"] == "SUCCEEDED"
    assert account.mode(PRIMARY).by == "an alarm"


def test_past_the_commit_point_it_stops_and_only_goes_forward(upgrade, account):
    account.faults = [Fault("Restore the secondary master", "before")]
    assert account.outcome(upgrade("first")) == SERVED
    assert account.databases.a == 2
    refused = upgrade("aborted", intent="abort")
    assert refused["error"] == "Upgrade.Refused"
    assert "forward only" in refused["cause"]
    account.faults = []
    assert account.outcome(upgrade("resumed")) == UPGRADED


OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"


def out_of_memory(account, monkeypatch, command: str, *more: str) -> str:
    """Have operations' containers killed; return what the reason is to say of the first."""
    run = account.databases.run

    def killed(effect: str, *without) -> None:
        if effect in (command, *more):
            raise RefusedError("compares login")
        run(effect, *without)

    monkeypatch.setattr(account.databases, "run", killed)
    account.exit_code, account.killed = 137, {"reason": OUT_OF_MEMORY}
    return (
        f"States.TaskFailed in `upgrade {command}`: container operations exited with 137 "
        f"({OUT_OF_MEMORY}); its last line: RefusedError: compares login; "
    )


def test_an_operation_that_was_killed_stops_it_with_its_container_s_end_everywhere(
    upgrade, account, monkeypatch
):
    why = out_of_memory(account, monkeypatch, "compare")
    ended = upgrade("first")
    plan = plans.read(account.client("dynamodb", PRIMARY), f"control-{PRIMARY}", UPGRADE)
    [notice] = account.notices()
    for cause in (ended["cause"], notice):
        assert json.loads(cause)["Cause"].startswith(why)
        assert "Overrides" not in cause, "the task's whole description"
    assert plan is not None
    assert plan.reason.startswith(why)


def test_an_operation_that_was_killed_before_the_commit_point_is_why_all_was_undone(
    upgrade, account, monkeypatch
):
    why = out_of_memory(account, monkeypatch, "migrate")
    ended = upgrade("first")
    assert account.outcome(ended) == ROLLED_BACK
    assert ended["cause"].startswith(why)


def test_an_operation_that_does_not_end_in_time_says_what_it_printed_last(upgrade, account):
    account.faults = [Fault("Upgrade the primary master", "lingers", times=1)]
    cause = upgrade("first")["cause"]
    assert cause.startswith("States.Timeout in `upgrade migrate`: ")
    assert 'container operations still runs; its last line: {"waits": "for a lock"}' in cause


def test_a_stop_holds_read_only_before_it_looks_for_the_reason(upgrade, account, monkeypatch):
    """A log that is slow to answer must not keep the system writable, where that is dangerous."""
    out_of_memory(account, monkeypatch, "migrate", "undo")

    def opened(state: str) -> None:
        if state == "Undo: the primary master as it was":
            account._write_mode("opened")

    account.before_state = opened
    read, modes = aws("logs", PRIMARY).get_log_events, []

    def reading(**given) -> object:
        modes.append(account.mode(PRIMARY).mode)
        return read(**given)

    monkeypatch.setattr(aws("logs", PRIMARY), "get_log_events", reading)
    upgrade("first")
    assert modes[-1] == mode.Mode.READ_ONLY


def test_a_task_that_amazon_ecs_did_not_start_says_why(account):
    cause = json.dumps({"Failures": [{"Reason": "RESOURCE:ENI"}], "Tasks": []})
    error = {"Error": "AmazonECS.Unknown", "Cause": cause, "Operation": "upgrade check"}
    common = {"upgrade": UPGRADE, "image": NEW, "by": "one", "execution": "first"}
    account._conduct({**common, "action": "begin", "step": "release"})
    answer = account._conduct({**common, "action": "stopped", "step": "stopped", "error": error})
    assert answer["reason"] == (
        "AmazonECS.Unknown in `upgrade check`: Amazon ECS started no task: RESOURCE:ENI"
    )


def test_another_image_under_the_same_name_is_refused(upgrade, account):
    account.faults = [Fault("Restore the secondary master", "before")]
    upgrade("first")
    assert upgrade("other", image="app:3")["error"] == "Upgrade.Refused"


def _taken_over(account, **event) -> None:
    """Begin as another execution, which waits for what the one before may still be doing."""
    while True:
        try:
            return account._conduct({"action": "begin", **event})
        except NotYetError:
            account.sleep(2)


def test_an_execution_that_was_taken_over_does_nothing_any_more(account, machine):
    """Its state may still run when a person thinks that it has ended."""
    begin = {"action": "begin", "step": "release", "upgrade": UPGRADE, "image": NEW, "by": "one"}
    account._conduct({**begin, "execution": "first"})
    _taken_over(account, **{**begin, "execution": "second"})
    before = account.state()
    with pytest.raises(Exception, match="is second's") as error:
        account._conduct(
            {"action": "release", "step": "release", "upgrade": UPGRADE, "execution": "first"}
        )
    assert type(error.value).__name__ == "SupersededError"
    assert account.state() == before
    assert account.ecs[PRIMARY].definition("app-blue")["containerDefinitions"][0]["image"] == OLD


def test_an_act_that_waits_when_it_is_taken_over_does_nothing_any_more(account):
    """An execution that was stopped leaves its function running, and that asks again."""
    common = {"upgrade": UPGRADE, "image": NEW, "by": "one", "step": "exit"}
    account._conduct({**common, "action": "begin", "execution": "first"})
    slept = account.sleep

    def aborted(seconds: float) -> None:
        slept(seconds)
        account.sleep = slept
        _taken_over(account, **{**common, "execution": "second", "intent": "abort"})
        undo = {"action": "undo_exit", "registered_as": "exit", "guarded": False}
        account._conduct({**common, **undo, "execution": "second"})
        assert account.exit_alarm() == "OK"

    account.sleep = aborted
    with pytest.raises(Exception, match="is second's") as error:
        account._conduct({**common, "action": "exit", "undo": "exit", "execution": "first"})
    assert type(error.value).__name__ == "SupersededError"
    assert account.exit_alarm() == "OK"  # and the standby is not out of DNS for nobody


@pytest.mark.parametrize("last", ["Release the lock", "Undo: confirm"])
def test_an_end_whose_answer_is_lost_has_ended_and_the_next_upgrade_keeps_its_lock(
    upgrade, account, last
):
    if last != "Release the lock":
        account.ecs[PRIMARY].broken.add(NEW)
    account.faults = [Fault(last, "after")]
    ended = upgrade("first")
    assert account.outcome(ended) == (UPGRADED if last == "Release the lock" else ROLLED_BACK)
    dynamodb, table = account.client("dynamodb", PRIMARY), f"control-{PRIMARY}"
    lock.acquire(dynamodb, table, holder="the next", token="upgrade next", at=account.now)
    account.faults = []
    upgrade("again")
    assert account.lock().token == "upgrade next"


def test_a_sample_of_all_faults_ends_in_one_of_the_three_ways(production, tmp_path):
    """As `make upgrade-faults` runs them all; in a process of its own, since it forks."""
    out = tmp_path / "faults.json"
    words = ["--assembly", str(production.directory), "--out", str(out), "--sample"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.upgrade.faults", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    runs = json.loads(out.read_text())["runs"]
    assert len(runs) == len(SAMPLE)
    for run in runs:
        assert run["outcome"] in (*ENDS, "killed")
        assert set(run["afterwards"].values()) <= {UPGRADED, ROLLED_BACK}


def test_every_task_state_is_among_the_cases_with_every_fault_that_it_can_have(definition):
    states = json.loads(definition)["States"]
    tasks = {name for name, shape in states.items() if shape["Type"] == "Task"}
    for kind in (
        "before",
        "after",
        "timeout-before",
        "timeout-after",
        "kill-before",
        "alarm-primary",
    ):
        assert {case.state for case in cases(definition) if case.kind == kind} == tasks
    operations = {step.name for step in STEPS if isinstance(step.by, Operation)}
    assert operations <= {case.state for case in cases(definition) if case.kind == "lingers"}
    assert {case.state for case in SAMPLE} <= tasks

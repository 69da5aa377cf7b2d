"""A helper that is away from any moment on keeps no user out: its part is listed, and paid."""

from __future__ import annotations

import pytest

from functions.control_table.mode import Mode
from functions.upgrade import plan as plans
from tests.upgrade.fault import Fault
from tests.upgrade.regions import NEW, PRIMARY, STANDBY
from tests.upgrade.simulated_account import (
    ROLLED_BACK,
    SERVED,
    UPGRADE,
    UPGRADED,
)

FORWARD = [
    "Open the primary master",
    "Return to read-write mode",
    "Upgrade the trailing half",
    "Return the standby Region to DNS",
    "Release the lock",
]
BACK = [
    "Commit",
    "Give the new code a tenth",
    "Undo: all traffic to old code",
    "Undo: read-write mode",
    "Undo: start old code again",
    "Undo: the standby Region in DNS",
]


def away(account, kind: str, state: str) -> None:
    account.faults = [Fault(state, kind, 1)]
    if state in BACK[1:]:
        account.faults.append(Fault("Commit", "before"))


def plan_of(account):
    found = plans.read(account.tables[PRIMARY], f"control-{PRIMARY}", UPGRADE)
    assert found is not None
    return found


@pytest.mark.parametrize("state", [*FORWARD, *BACK])
def test_a_standby_region_out_of_reach_keeps_no_user_out(upgrade, account, state):
    away(account, "standby-away", state)
    ended = upgrade("first")
    assert account.outcome(ended) == SERVED
    assert STANDBY in ended["cause"]
    assert account.mode(PRIMARY).mode == Mode.READ_WRITE
    account.faults = []
    account.repair()
    account.sleep(300)  # both halves have served meanwhile
    if state in BACK:
        assert account.outcome(upgrade("aborted", intent="abort")) == ROLLED_BACK
    else:
        assert account.outcome(upgrade("resumed")) == UPGRADED
    assert plan_of(account).debts == {}


@pytest.mark.parametrize("who", ["follower", "b"])
@pytest.mark.parametrize(
    "state", ["Halt replication on the primary master", "Smoke-test the new code", *FORWARD[:2]]
)
def test_a_database_that_is_gone_keeps_no_user_out(upgrade, account, who, state):
    account.faults = [Fault(state, f"{who}-dead", 1)]
    if state not in FORWARD:
        account.ecs[PRIMARY].broken.add(NEW)
    ended = upgrade("first")
    assert account.outcome(ended) == SERVED
    assert account.mode(PRIMARY).mode == Mode.READ_WRITE
    assert not account.databases.fenced
    account.faults = []
    account.repair()
    if state not in FORWARD:
        assert account.outcome(upgrade("aborted", intent="abort")) == ROLLED_BACK
    else:
        assert account.outcome(upgrade("resumed")) == UPGRADED


@pytest.mark.parametrize("helper", ["standby", "follower"])
def test_a_person_may_leave_a_helper_out_and_the_upgrade_ends_and_lists_what_it_owes(
    upgrade, account, helper
):
    kinds = {"standby": "standby-away", "follower": "follower-dead"}
    away(account, kinds[helper], "Open the primary master")
    upgrade("first")
    account.faults = []
    ended = upgrade("resumed", without=[helper])
    assert ended["status"] == "SUCCEEDED"
    assert account.lock() is None
    assert {debt["helper"] for debt in plan_of(account).debts.values()} == {helper}
    account.repair()
    assert account.outcome(upgrade("paid")) == UPGRADED
    assert plan_of(account).debts == {}


def test_what_an_undoing_owes_to_a_region_that_was_left_out_is_paid_later(upgrade, account):
    away(account, "standby-away", "Give the new code a tenth")
    upgrade("first")
    account.faults = []
    ended = upgrade("aborted", intent="abort", without=["standby"])
    assert ended["error"] == "Upgrade.RolledBack"
    assert account.lock() is None
    account.repair()
    assert account.outcome(upgrade("paid")) == ROLLED_BACK


def test_a_debt_is_not_paid_over_another_release(upgrade, account):
    away(account, "standby-away", "Open the primary master")
    upgrade("first")
    account.faults = []
    upgrade("resumed", without=["standby"])
    account.repair()
    ecs = account.ecs[PRIMARY]
    [container] = ecs.definition("app-blue")["containerDefinitions"]
    ecs.register_task_definition(
        family="app-blue", containerDefinitions=[{**container, "image": "app:3"}]
    )
    ecs.update_service(cluster="app", service="blue", taskDefinition="app-blue")
    refused = upgrade("paid")
    assert refused["error"] == "Upgrade.Refused"
    assert "another release" in refused["cause"]
    assert account.lock() is None


def test_before_the_commit_point_nobody_is_left_out(upgrade, account):
    account.faults = [Fault("Upgrade the primary master", "kill-before")]
    upgrade("first")
    account.dead, account.faults = False, []
    refused = upgrade("resumed", without=["standby"])
    assert refused["error"] == "Upgrade.Refused"
    assert "needs all of its helpers" in refused["cause"]


def test_an_edge_task_that_never_obeys_does_not_keep_the_others_from_going_on(upgrade, account):
    known = {task["taskArn"] for task in account.ecs[PRIMARY].running("edge", "edge")}

    def begin(state: str) -> None:
        if state == "Return to read-write mode" and not account.deaf:
            ecs = account.ecs[PRIMARY]
            [newest] = {task["taskDefinitionArn"] for task in ecs.running("edge", "edge")}
            account.deaf.add(ecs.start_task("edge", newest, "service:edge")["taskArn"])

    account.before_state = begin
    ended = upgrade("first")
    assert account.outcome(ended) == SERVED
    assert "leave (epoch" in ended["cause"]
    assert account.databases.b == account.databases.target, "all else is done"
    account.before_state = lambda _: None
    ecs = account.ecs[PRIMARY]
    for arn in account.deaf:
        ecs.stop_task(cluster="edge", task=arn, reason="replaced")
    assert {task["taskArn"] for task in ecs.running("edge", "edge")} == known
    assert account.outcome(upgrade("resumed")) == UPGRADED


def test_a_stop_past_the_commit_point_leaves_the_mode_alone(upgrade, account):
    account.faults = [Fault("Restore the secondary master", "before")]
    ended = upgrade("first")
    assert account.outcome(ended) == SERVED
    modes = []
    account.before_state = lambda _: modes.append(account.mode(PRIMARY).mode)
    account.faults = []
    assert account.outcome(upgrade("resumed")) == UPGRADED
    assert set(modes) == {Mode.READ_WRITE}

"""Hands of an execution that was taken over: none of them changes anything any more."""

from __future__ import annotations

from datetime import timedelta

import pytest

from functions.control_table import plan_owner
from functions.upgrade.begin import _CALL
from tests.upgrade.fault import Fault
from tests.upgrade.regions import PRIMARY
from tests.upgrade.simulated_account import ROLLED_BACK, UPGRADE, UPGRADED

HALT = "Halt replication on the primary master"


@pytest.mark.parametrize("person", ["resume", "abort"])
def test_a_task_that_comes_after_a_take_over_does_nothing(upgrade, account, person):
    account.faults = [Fault(HALT, "kill-late")]
    upgrade("first")
    account.dead, account.faults = False, []
    ended = upgrade(person, **({"intent": "abort"} if person == "abort" else {}))
    assert account.outcome(ended) == (ROLLED_BACK if person == "abort" else UPGRADED)
    assert not account.databases.fenced


def test_mutation_a_late_task_that_asks_nobody_fences_a_finished_system(
    upgrade, account, monkeypatch
):
    monkeypatch.setattr(plan_owner, "require_owned", lambda *_, **__: None)
    account.faults = [Fault(HALT, "kill-late")]
    upgrade("first")
    account.dead, account.faults = False, []
    account.outcome(upgrade("aborted", intent="abort"))
    assert account.databases.fenced


def test_a_take_over_waits_until_a_call_that_was_cut_off_has_ended(upgrade, account):
    account.faults = [Fault("Let one half carry all", "kill-before")]
    upgrade("first")
    account.dead, account.faults = False, []
    began, changed = account.now, []
    account.before_state = lambda state: changed.append((state, account.now))
    upgrade("aborted", intent="abort")
    first = next(at for state, at in changed if state != "Take the lock")
    assert first - began >= _CALL


def test_what_has_stopped_by_itself_is_gone_on_with_at_once(upgrade, account):
    account.faults = [Fault("Compare both masters", "before")]
    upgrade("first")
    account.faults = []
    began = account.now
    upgrade("resumed")
    assert account.now - began < _CALL + timedelta(seconds=10)


@pytest.mark.parametrize(
    ("execution", "way"), [("another", "forward"), ("first", "back"), ("first", "ended")]
)
def test_a_command_of_another_execution_or_way_is_declined(account, execution, way):
    common = {"upgrade": UPGRADE, "image": "app:2", "by": "one", "step": "release"}
    account._conduct({**common, "action": "begin", "execution": "first"})
    with pytest.raises(plan_owner.NotOwnedError, match="is first's and goes forward"):
        plan_owner.require_owned(
            account.tables[PRIMARY],
            f"control-{PRIMARY}",
            upgrade=UPGRADE,
            execution=execution,
            way=way,
        )

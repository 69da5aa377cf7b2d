"""An upgrade that is spoilt on purpose: each mutation makes a check fail, in memory or on servers.

| mutation | applied to | what fails |
|---|---|---|
| skip the fence | the table: no row that halts | the migration refuses (here) |
| | the operation: `fence` does nothing | `halt` refuses (test_upgrade.py) |
| skip the slot advance | the operation: `advance` does nothing | `open` refuses (test_upgrade.py) |
| | and nothing refuses any more | B stands still (test_traps.py) |
| leave the reverse subscription on | the operation: on | `publish` refuses (test_upgrade.py) |
| | and nothing refuses any more | writes are overwritten (test_traps.py) |
| leave the canary out | the table: no bake | logins fail for more than a tenth (here) |
| | the table: no logins in full | a release that fails there is committed (here) |
| leave the users out | the table: no judging | logins fail for more than a tenth (here) |
| switch before the smoke test | the table: a tenth first | untested code had traffic (here) |
| release the lock early | the table: before B is restored | half done, nobody's lock (here) |
| | the table: before the halves are alike | the last look refuses (here) |
| | the function: in `commit` | half done, nobody's lock (here) |
| commit after the first write | the table: the mode is left first | a write is undone (here) |
| register an undoing too late | the function: not at all | the last look refuses (here) |

test_upgrade.py and test_traps.py are those of tests/service/operations, on PostgreSQL itself.
"""

from __future__ import annotations

import ast
import re

import pytest

from functions.upgrade import actions
from functions.upgrade.conduct import Conductor
from mainstay.upgrade.rows import Step
from mainstay.upgrade.steps import COMMIT, STEPS
from tests.conftest import ROOT
from tests.upgrade.another_table import definition_from
from tests.upgrade.fault import IN_FULL, Fault
from tests.upgrade.regions import NEW
from tests.upgrade.simulated_account import ROLLED_BACK, SERVED, UPGRADE, UPGRADED

ON_SERVERS = {
    "test_upgrade.py": (
        "test_mutation_without_the_fence_the_migration_is_refused",
        "test_mutation_without_the_advance_nobody_may_write",
        "test_mutation_with_the_way_back_left_on_the_halt_is_seen",
    ),
    "test_traps.py": (
        "test_mutation_a_slot_not_led_past_the_migration",
        "test_mutation_the_reverse_subscription_left_on_overwrites_what_users_wrote",
    ),
}


def without(key: str) -> list[Step]:
    return [step for step in STEPS if step.key != key]


def moved(key: str, *, before: str) -> list[Step]:
    """The table with one row earlier or later than it stands."""
    rows = without(key)
    at = [step.key for step in rows].index(before)
    return [*rows[:at], next(step for step in STEPS if step.key == key), *rows[at:]]


@pytest.fixture
def spoilt(machine, account):
    """`spoilt(steps)`: how an upgrade by another table ends, and why."""

    def run(steps: list[Step]) -> tuple[str, str]:
        given_input = {"upgrade": UPGRADE, "image": NEW, "by": "a test"}
        ended = machine.run(definition_from(steps), "first", given_input)
        return account.outcome(ended), ended.get("cause") or ""

    return run


def test_the_table_itself_upgrades(spoilt):
    assert spoilt(list(STEPS)) == (UPGRADED, "")


def test_mutation_without_the_fence_the_migration_refuses_and_everything_returns(spoilt):
    outcome, why = spoilt(without("halt"))
    assert outcome == ROLLED_BACK
    assert "A is written or read: halt first" in why


def test_mutation_traffic_before_the_smoke_test_is_seen(spoilt):
    outcome, _ = spoilt(moved("smoke", before="bake"))
    assert "green has traffic on new code before its smoke test" in outcome


def test_mutation_without_the_canary_a_release_whose_logins_fail_gets_all_of_few_users(
    spoilt, account
):
    """Nobody calls, so that the load balancer has nothing to compare."""
    account.called, account.spoilt = False, "login-401"
    outcome, _ = spoilt(without("bake"))
    assert "a release with login-401 has more than a tenth" in outcome


def test_mutation_without_the_canary_in_full_a_release_that_fails_there_is_committed(
    spoilt, account
):
    account.spoilt = IN_FULL
    assert spoilt(without("logins")) == (UPGRADED, "")


def test_mutation_without_the_users_gate_a_release_that_spares_the_canary_gets_all(spoilt, account):
    account.unlike, account.spoilt = True, "login-401"
    outcome, _ = spoilt(without("judge"))
    assert "a release with login-401 has more than a tenth" in outcome


def test_mutation_the_lock_released_before_the_secondary_is_restored_is_seen(spoilt):
    late = [step for step in STEPS if step.key in ("restore", "compare")]
    outcome, _ = spoilt([*(step for step in STEPS if step not in late), *late])
    assert "something is half done, and nobody holds the lock" in outcome


def test_mutation_the_lock_released_before_the_halves_are_as_they_were_is_refused(spoilt):
    outcome, why = spoilt(moved("unlock", before="share"))
    assert outcome == SERVED
    assert "not as it should be after the upgrade: the weights" in why


def test_mutation_the_lock_released_by_the_commit_is_seen(upgrade, account, monkeypatch):
    commit = actions.commit

    def early(site, plan, *, now):
        commit(site, plan, now=now)
        actions.release_lock(site, plan)

    monkeypatch.setitem(actions.ACTIONS, "commit", early)
    assert "something is half done, and nobody holds the lock" in account.outcome(upgrade("first"))


def test_mutation_a_commit_after_the_first_write_loses_it(spoilt, account):
    account.faults = [Fault("Commit", "before")]
    outcome, _ = spoilt(moved(COMMIT, before="publish"))
    assert "what users wrote in the new schema is lost" in outcome


def test_mutation_an_undoing_that_is_not_registered_before_its_act_is_missed(
    upgrade, account, monkeypatch
):
    begun = Conductor._begun

    def unregistered(self, plan, event):
        begun(self, plan, {**event, "undo": None})

    monkeypatch.setattr(Conductor, "_begun", unregistered)
    account.faults = [Fault("Disable half of the app servers", "after")]
    ended = upgrade("first")
    assert account.outcome(ended) == SERVED
    assert "not as it was before the upgrade: the weights" in ended["cause"]


@pytest.mark.parametrize("file", ON_SERVERS)
def test_the_mutations_on_servers_are_where_the_table_says(file):
    path = ROOT / "tests" / "service" / "operations" / file
    functions = {
        node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)
    }
    assert set(ON_SERVERS[file]) <= functions
    assert re.search(rf"\({re.escape(file)}\)", __doc__ or "")

"""A release that needs no window goes behind the same gates, and no write of it waits."""

from __future__ import annotations

import pytest

from mainstay.upgrade.rows import BREAKING
from mainstay.upgrade.steps import STEPS
from tests.upgrade.fault import IN_FULL, SPOILT, Fault
from tests.upgrade.regions import NEW, PRIMARY, STANDBY
from tests.upgrade.simulated_account import ROLLED_BACK, SERVED, UPGRADED

ADDITIVE = {"class": "additive"}


@pytest.fixture
def adding(account):
    account.databases.adds = True
    return account


@pytest.mark.parametrize("kind", ["additive", "none"])
def test_its_rows_are_those_of_the_table_and_no_region_is_ever_read_only(upgrade, adding, kind):
    ended = upgrade("first", **{"class": kind})
    assert adding.outcome(ended) == UPGRADED
    names = [state for state in ended["path"] if state in {step.name for step in STEPS}]
    assert names == [step.name for step in STEPS if step.only != BREAKING]
    for region in (PRIMARY, STANDBY):
        assert adding.mode(region).epoch == 1, "the mode was never changed"


def test_the_standby_keeps_serving_until_its_halves_change_and_stays_in_dns(upgrade, adding):
    seen = []

    def look(state: str) -> None:
        running = [len(adding.ecs[STANDBY].running("app", half)) for half in ("blue", "green")]
        seen.append((min(running), adding.exit_alarm()))

    adding.before_state = look
    assert adding.outcome(upgrade("first", **ADDITIVE)) == UPGRADED
    assert set(seen) == {(2, "OK")}


def test_a_claim_that_is_too_mild_is_refused_before_anything_is_changed(upgrade, account):
    ended = upgrade("first", **ADDITIVE)
    assert account.outcome(ended) == ROLLED_BACK
    assert "its migrations may only add" in ended["cause"]
    assert "Widen every store" not in ended["path"]


def test_a_class_that_there_is_not_is_refused(upgrade, account):
    ended = upgrade("first", **{"class": "harmless"})
    assert ended["error"] == "Upgrade.RolledBack" or ended["error"] == "Upgrade.Refused"
    assert "'class' should be one of none, additive, breaking, got 'harmless'" in ended["cause"]
    assert account.state() == account.at_first


@pytest.mark.parametrize("spoilt", [*SPOILT, IN_FULL])
def test_a_release_that_fails_its_users_goes_back_and_old_code_serves_on(upgrade, adding, spoilt):
    adding.spoilt = spoilt
    ended = upgrade("first", **ADDITIVE)
    assert adding.outcome(ended) == ROLLED_BACK
    assert "logins on the new code" in ended["cause"]
    assert (adding.databases.a, adding.databases.b, adding.databases.follower) == (2, 2, 2)


def test_a_widening_that_finds_a_helper_dead_leaves_users_served(upgrade, adding):
    adding.faults = [Fault("Widen every store", "follower-dead")]
    assert adding.outcome(upgrade("first", **ADDITIVE)) == SERVED
    adding.faults = []
    adding.repair()
    assert adding.outcome(upgrade("again", intent="abort")) == ROLLED_BACK


def test_new_code_that_fails_its_smoke_test_never_has_traffic(upgrade, adding):
    adding.ecs[PRIMARY].broken.add(NEW)
    ended = upgrade("first", **ADDITIVE)
    assert adding.outcome(ended) == ROLLED_BACK
    assert "Give the new code a tenth" not in ended["path"]

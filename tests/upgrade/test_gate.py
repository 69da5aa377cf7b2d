"""A release that fails its users is never given more than a tenth of them."""

from __future__ import annotations

import random

import pytest

from functions import sequential_test
from functions.control_table import journal
from functions.upgrade import gate
from migration.traffic_shift import sequential
from tests.upgrade.fault import IN_FULL, SPOILT
from tests.upgrade.regions import PRIMARY
from tests.upgrade.simulated_account import ROLLED_BACK, UPGRADE, UPGRADED

_WORDS = {
    "login-401": "HTTPCode_Target_4XX_Count is ",
    "login-503": "HTTPCode_Target_5XX_Count is ",
    "no-connection": "TargetConnectionErrorCount is ",
    "slow-release": "its 99th percentile is 2.000 s, the old one's 0.200 s",
}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_a_release_that_fails_its_users_goes_back_from_the_tenth(upgrade, account, spoilt):
    """Some of them: the canary's tenant is well."""
    account.spoilt, account.unlike = spoilt, True
    ended = upgrade("first")
    assert account.outcome(ended) == ROLLED_BACK
    assert _WORDS[spoilt] in ended["cause"]
    assert "Switch traffic to new code" not in ended["path"]


@pytest.mark.parametrize("spoilt", SPOILT)
def test_where_nobody_calls_the_canary_finds_it_at_the_tenth(upgrade, account, spoilt):
    account.spoilt, account.called = spoilt, False
    ended = upgrade("first")
    assert account.outcome(ended) == ROLLED_BACK
    assert f"logins on the new code: {spoilt}" in ended["cause"]
    assert "logins-at-a-tenth" in ended["cause"]
    assert "Switch traffic to new code" not in ended["path"]


def test_a_release_that_fails_in_full_goes_back_before_it_is_committed(upgrade, account):
    account.spoilt = IN_FULL
    ended = upgrade("first")
    assert account.outcome(ended) == ROLLED_BACK
    assert "logins-at-all" in ended["cause"]
    assert "Commit" not in ended["path"]


def test_a_release_like_the_old_one_passes_and_the_journal_has_what_was_compared(upgrade, account):
    assert account.outcome(upgrade("first")) == UPGRADED
    assert "of the new code and" in _verdict(account)
    assert "fail alike" in _verdict(account)


@pytest.mark.parametrize(
    ("seconds", "why"), [(240, "nobody called"), (20, "a bake of 20 s is shorter than the 240 s")]
)
def test_where_no_user_was_seen_the_journal_says_so_and_why(upgrade, account, seconds, why):
    account.called = seconds < gate.SIGNAL_SECONDS
    assert account.outcome(upgrade("first", bake_seconds=seconds)) == UPGRADED
    assert why in _verdict(account)
    assert "the canary's logins alone were judged" in _verdict(account)


def test_the_strength_is_that_of_a_traffic_shift(monkeypatch):
    """One theorem, and two functions that no package shares."""
    monkeypatch.setattr(sequential, "RATIOS", sequential_test.RATIOS)
    for failures, of_new, share in ((10, 1, 0.1), (50, 40, 0.1), (7, 7, 0.5), (0, 0, 0.3)):
        evidence = sequential.gathered(
            (0.0,) * len(sequential_test.RATIOS), answers=failures, of_new=of_new, share=share
        )
        found = sequential_test.strength(failures=failures, of_new=of_new, share=share)
        assert found == pytest.approx(sequential.strength(evidence))


def test_equal_halves_are_held_back_no_more_often_than_alpha():
    chance, held = random.Random(7), 0
    for _ in range(2_000):
        of_new = sum(chance.random() < 0.1 for _ in range(60))
        found = sequential_test.strength(failures=60, of_new=of_new, share=0.1)
        held += found >= sequential_test.limit(gate.LOOKS)
    assert held <= 4


def _verdict(account) -> str:
    lines = journal.entries(account.tables[PRIMARY], f"control-{PRIMARY}", UPGRADE)
    [verdict] = [line.detail for line in lines if (line.step, line.state) == ("judge", "done")]
    return verdict

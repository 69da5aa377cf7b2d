"""A release that fails its users is never given more than a tenth of them."""

from __future__ import annotations

import random
from math import log

import pytest

from functions.control_table import journal
from functions.upgrade import gate
from migration.traffic_shift import sequential
from tests.upgrade.regions import PRIMARY
from tests.upgrade.simulated_account import ROLLED_BACK, SPOILT, UPGRADE, UPGRADED

_WORDS = {
    "login-401": "HTTPCode_Target_4XX_Count is ",
    "login-503": "HTTPCode_Target_5XX_Count is ",
    "no-connection": "TargetConnectionErrorCount is ",
    "slow-release": "its 99th percentile is 2.000 s, the old one's 0.200 s",
}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_a_release_that_fails_its_users_goes_back_from_the_tenth(upgrade, account, spoilt):
    account.spoilt = spoilt
    ended = upgrade("first")
    assert account.outcome(ended) == ROLLED_BACK
    assert _WORDS[spoilt] in ended["cause"]
    assert "Switch traffic to new code" not in ended["path"]


def test_a_release_like_the_old_one_passes_and_the_journal_has_what_was_compared(upgrade, account):
    assert account.outcome(upgrade("first")) == UPGRADED
    lines = journal.entries(account.tables[PRIMARY], f"control-{PRIMARY}", UPGRADE)
    [verdict] = [line.detail for line in lines if (line.step, line.state) == ("bake", "done")]
    assert "of the new code and" in verdict
    assert "fail alike" in verdict


def test_where_nobody_calls_nothing_is_waited_for_and_the_journal_says_so(upgrade, account):
    account.called = False
    assert account.outcome(upgrade("first")) == UPGRADED
    lines = journal.entries(account.tables[PRIMARY], f"control-{PRIMARY}", UPGRADE)
    assert any("no minute of both halves" in line.detail for line in lines)


def test_the_strength_is_that_of_a_traffic_shift(monkeypatch):
    """One theorem, and two functions that no package shares."""
    monkeypatch.setattr(sequential, "RATIOS", gate._RATIOS)
    for failures, of_new, share in ((10, 1, 0.1), (50, 40, 0.1), (7, 7, 0.5), (0, 0, 0.3)):
        evidence = sequential.gathered(
            (0.0,) * len(gate._RATIOS), answers=failures, of_new=of_new, share=share
        )
        found = gate.strength(failures=failures, of_new=of_new, share=share)
        assert found == pytest.approx(sequential.strength(evidence))


def test_equal_halves_are_held_back_no_more_often_than_alpha():
    chance, limit, held = random.Random(7), log((len(gate.FAILURES) + 1) / gate.ALPHA), 0
    for _ in range(2_000):
        of_new = sum(chance.random() < 0.1 for _ in range(60))
        held += gate.strength(failures=60, of_new=of_new, share=0.1) >= limit
    assert held <= 4

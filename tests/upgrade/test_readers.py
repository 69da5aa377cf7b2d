"""Before READ_ONLY sends all reads to master B, it has as many readers as A."""

from __future__ import annotations

from functions import reader_parity
from functions.control_table import journal
from tests.upgrade.fake_rds import MOST, SOURCE, STARTS, TARGET
from tests.upgrade.fault import Fault
from tests.upgrade.regions import PRIMARY
from tests.upgrade.simulated_account import ROLLED_BACK, UPGRADE, UPGRADED
from tests.upgrade.test_mutations import spoilt, without

__all__ = ["spoilt"]


def _lines(account, step: str) -> list[journal.Entry]:
    found = journal.entries(account.tables[PRIMARY], f"control-{PRIMARY}", UPGRADE)
    return [line for line in found if line.step == step]


def test_b_is_given_as_many_readers_as_a_has_and_loses_the_need_of_them_afterwards(
    upgrade, account
):
    began = account.now
    assert account.outcome(upgrade("first")) == UPGRADED
    assert account.now - began > STARTS
    assert reader_parity.available(account.rds, TARGET) == 4
    assert account.rds.least() == 2
    assert _lines(account, "readers")[-1].detail == f"{TARGET} has 4 readers for all reads"


def test_never_more_than_its_limit_and_none_less(upgrade, account):
    account.rds.readers[SOURCE] *= 3
    assert account.outcome(upgrade("first")) == UPGRADED
    assert reader_parity.available(account.rds, TARGET) == MOST


def test_undone_its_limits_are_what_they_were(upgrade, account):
    account.faults = [Fault("Smoke-test the new code", "before")]
    assert account.outcome(upgrade("first")) == ROLLED_BACK
    assert account.rds.least() == 2


def test_mutation_without_the_row_too_few_readers_take_all_reads(spoilt):
    outcome, _ = spoilt(without("readers"))
    assert "all reads go to B, and the readers are" in outcome

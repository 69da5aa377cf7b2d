"""The table, and the runbook that is rendered from it."""

from __future__ import annotations

import pytest

from functions.upgrade.actions import ACTIONS
from functions.upgrade.undoing import UNDOINGS
from mainstay.upgrade.rows import Action, Operation
from mainstay.upgrade.steps import COMMIT, STEPS
from mainstay.upgrade.undos import UNDOS
from review.upgrade_page import PAGE, render
from service.operations.command import UPGRADE_COMMANDS


def test_the_runbook_is_what_the_table_says():
    assert PAGE.read_text() == render(), "make upgrade-page"


def test_every_number_of_the_whitepaper_is_there():
    assert {step.number for step in STEPS} == {"-", *map(str, range(1, 9))}


def test_every_row_has_an_act_that_there_is():
    for row in (*STEPS, *UNDOS):
        match row.by:
            case Operation(command=(word, name)):
                assert word == "upgrade"
                assert name in UPGRADE_COMMANDS
            case Action(name=name):
                assert name in ACTIONS or name in UNDOINGS


def test_what_changes_anything_before_the_commit_point_has_its_undoing():
    """Some only look; the transaction store's migrations only add."""
    at = [step.key for step in STEPS].index(COMMIT)
    looks = {"check", "smoke", "bake", "judge", "logins", "expand"}
    undone = {undo.key for undo in UNDOS}
    for step in STEPS[:at]:
        assert (step.undo in undone) != (step.key in looks), step.key
    for step in STEPS[at:]:
        assert step.undo is None, step.key


def test_traffic_goes_to_new_code_after_its_smoke_test_and_the_lock_goes_last():
    keys = [step.key for step in STEPS]
    assert keys.index("enter") < keys.index("halt") < keys.index("migrate") < keys.index("start")
    assert keys.index("smoke") < keys.index("tenth") < keys.index("switch") < keys.index(COMMIT)
    assert keys.index(COMMIT) < keys.index("open") < keys.index("leave") < keys.index("restore")
    assert keys[-1] == "unlock"


@pytest.mark.parametrize("row", [*STEPS, *UNDOS], ids=lambda row: row.key)
def test_every_row_has_a_bound(row):
    assert 60 <= row.bound_seconds <= 7_200

"""An autoscaler that does its work beside an upgrade, at any moment, ends none badly."""

from __future__ import annotations

import pytest

from tests.upgrade.regions import COUNT, NEW, PRIMARY, STANDBY
from tests.upgrade.simulated_account import ROLLED_BACK, UPGRADED


def scaling(account, *states: str, step: int = 1, only: str = "") -> None:
    """Have the autoscaler act at these states, as far as the upgrade lets it."""

    def act(state: str) -> None:
        if state in states:
            account.autoscaler.scale(step, only=only)

    account.before_state = act


@pytest.mark.parametrize("only", ["worker", "blue", ""])
@pytest.mark.parametrize("state", ["Bake", "Restore the secondary master", "Release the lock"])
def test_a_task_more_at_any_moment_does_not_stop_an_upgrade(upgrade, account, state, only):
    scaling(account, state, only=only)
    assert account.outcome(upgrade("first")) == UPGRADED


def test_a_task_more_after_the_numbers_were_restored_does_not_stop_the_undoing(upgrade, account):
    account.ecs[PRIMARY].broken.add(NEW)
    scaling(account, "Undo: confirm", only="blue")
    assert account.outcome(upgrade("first")) == ROLLED_BACK


def test_what_was_scaled_between_the_beginning_and_the_suspension_is_carried(upgrade, account):
    """Checks and the transaction store's migrations may take an hour before that."""
    scaling(account, *["Expand the transaction store: note", "Suspend autoscaling"], step=4)
    assert account.outcome(upgrade("first")) == UPGRADED
    running = {half: len(account.ecs[PRIMARY].running("app", half)) for half in ("blue", "green")}
    assert running == {"blue": COUNT + 8, "green": COUNT + 8}


@pytest.mark.parametrize("cause", ["", "smoke"])
def test_a_load_that_grows_while_one_half_carries_all_is_carried_by_both_after_it(
    upgrade, account, cause
):
    """The half that carries scales out, and what it has grown by is divided when both share."""
    if cause:
        account.ecs[PRIMARY].broken.add(NEW)
    scaling(account, "Move the system into read-only mode", step=4)
    assert account.outcome(upgrade("first")) == (ROLLED_BACK if cause else UPGRADED)
    assert account.autoscaler.demand == 2 * COUNT + 4
    for half in ("blue", "green"):
        assert len(account.ecs[PRIMARY].running("app", half)) == COUNT + 2


def test_every_service_with_a_scalable_target_is_held_while_it_is_released(upgrade, account):
    held = {}

    def look(state: str) -> None:
        if state == "Upgrade the trailing half":
            held.update(account.state()["services"])

    account.before_state = look
    upgrade("first")
    for region in (PRIMARY, STANDBY):
        *_, suspended = held[region, "work", "worker"]["scaling"]
        assert len(suspended) == 3, region
    assert held[PRIMARY, "app", "green"]["scaling"][0] == 2 * COUNT  # it carries all

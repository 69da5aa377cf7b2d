"""The mode item in moto: who may change it when, and what a lost answer does not do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from functions.control_table.mode import (
    KEY,
    EpochPassedError,
    Mode,
    NoModeError,
    State,
    begin,
    change,
    enter_read_only,
    hold_read_only,
    leave_read_only,
    read,
    timestamp,
)

NOW = datetime(2026, 11, 25, 3, 30, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
FIRST = State(
    mode=Mode.READ_WRITE, reason="first start", epoch=1, by="bootstrap", at="2026-11-25T03:30:00Z"
)


@pytest.fixture
def begun(dynamodb):
    """The table with its first mode."""
    begin(dynamodb, "control", by="bootstrap", at=NOW)
    return dynamodb


def there(dynamodb) -> State:
    """The state that the table has, where there is one."""
    found = read(dynamodb, "control")
    assert found is not None
    return found


def test_an_empty_table_has_no_mode(dynamodb):
    assert read(dynamodb, "control") is None


def test_the_first_state_takes_writes(dynamodb):
    assert begin(dynamodb, "control", by="bootstrap", at=NOW) == FIRST
    assert read(dynamodb, "control") == FIRST


def test_a_second_bootstrap_changes_nothing(begun):
    enter_read_only(begun, "control", reason="drill", by="ana", at=NOW)
    assert begin(begun, "control", by="bootstrap", at=LATER).mode == Mode.READ_ONLY
    assert there(begun).epoch == 2


def test_each_change_raises_the_epoch_by_one(begun):
    entered = enter_read_only(begun, "control", reason="upgrade", by="run-1", at=NOW)
    assert (entered.mode, entered.epoch) == (Mode.READ_ONLY, 2)
    left = leave_read_only(begun, "control", epoch=2, reason="done", by="run-1", at=LATER)
    assert left == State(
        mode=Mode.READ_WRITE, reason="done", epoch=3, by="run-1", at="2026-11-25T03:35:00Z"
    )
    assert read(begun, "control") == left


def test_of_two_who_saw_the_same_state_one_is_told_that_it_was_too_late(begun):
    change(begun, "control", mode=Mode.READ_ONLY, reason="a", by="ana", at=NOW, epoch=1)
    with pytest.raises(EpochPassedError, match=r"'epoch' should be 2, set by ana .*got 1"):
        change(begun, "control", mode=Mode.READ_ONLY, reason="b", by="ben", at=NOW, epoch=1)
    assert there(begun).by == "ana"


def test_a_change_sent_again_after_a_lost_answer_is_the_same_change(begun):
    sent = {"mode": Mode.READ_ONLY, "reason": "upgrade", "by": "run-1", "at": NOW, "epoch": 1}
    assert change(begun, "control", **sent) == change(begun, "control", **sent)
    assert there(begun).epoch == 2


def test_an_alarm_that_repeats_itself_changes_nothing(begun):
    first = enter_read_only(begun, "control", reason="writer gone", by="alarm", at=NOW)
    assert enter_read_only(begun, "control", reason="writer gone", by="alarm", at=LATER) == first


def test_an_upgrade_cannot_leave_what_an_alarm_entered_meanwhile(begun):
    upgrade = enter_read_only(begun, "control", reason="upgrade", by="run-1", at=NOW)
    enter_read_only(begun, "control", reason="writer gone", by="alarm", at=LATER)
    with pytest.raises(EpochPassedError, match="set by alarm"):
        leave_read_only(begun, "control", epoch=upgrade.epoch, reason="done", by="run-1", at=LATER)
    assert there(begun).mode == Mode.READ_ONLY


@pytest.mark.parametrize("act", [enter_read_only, leave_read_only])
def test_fails_on_a_region_whose_bootstrap_has_not_run(dynamodb, act):
    epoch = {"epoch": 1} if act is leave_read_only else {}
    with pytest.raises(NoModeError, match="'control' has no mode yet"):
        act(dynamodb, "control", reason="r", by="b", at=NOW, **epoch)
    assert read(dynamodb, "control") is None


def test_times_are_kept_in_utc():
    assert timestamp(NOW.astimezone(timezone(timedelta(hours=-5)))) == FIRST.at


def test_fails_on_a_time_that_knows_no_zone():
    with pytest.raises(ValueError, match="'at' should know its time zone, got 2026"):
        timestamp(NOW.replace(tzinfo=None))


def test_a_hold_is_read_only_over_whatever_stands_and_says_who_laid_it(begun):
    held = hold_read_only(begun, "control", reason="writer gone", by="alarm", at=LATER, epoch=1)
    assert held == there(begun)
    assert (held.mode, held.epoch, held.by) == (Mode.READ_ONLY, 2, "alarm")


def test_a_hold_changes_nothing_of_what_it_lies_over(begun):
    """Its maker has no right to: only `held` and the epoch are the hold's."""
    before = begun.get_item(TableName="control", Key=KEY)["Item"]
    hold_read_only(begun, "control", reason="writer gone", by="alarm", at=LATER, epoch=1)
    after = begun.get_item(TableName="control", Key=KEY)["Item"]
    assert {name for name in after if after[name] != before.get(name)} == {"held", "epoch"}


@pytest.mark.parametrize("mode", list(Mode))
def test_the_next_change_ends_a_hold(begun, mode):
    hold_read_only(begun, "control", reason="writer gone", by="alarm", at=NOW, epoch=1)
    change(begun, "control", mode=mode, reason="mended", by="ana", at=LATER, epoch=2)
    assert (there(begun).mode, there(begun).by) == (mode, "ana")
    assert "held" not in begun.get_item(TableName="control", Key=KEY)["Item"]


def test_fails_on_a_hold_over_an_epoch_that_passed_or_over_nothing(begun):
    enter_read_only(begun, "control", reason="drill", by="ana", at=NOW)
    laid = {"reason": "writer gone", "by": "alarm", "at": LATER}
    with pytest.raises(EpochPassedError, match=r"'epoch' should be 2, set by ana .*got 1"):
        hold_read_only(begun, "control", epoch=1, **laid)
    assert there(begun).by == "ana"
    begun.delete_item(TableName="control", Key=KEY)
    with pytest.raises(NoModeError):
        hold_read_only(begun, "control", epoch=2, **laid)
    assert read(begun, "control") is None

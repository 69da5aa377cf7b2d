"""The lock of a Region in moto: one holder, found again by its token, broken by no accident."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from functions.control_table.lock import Lock, LockHeldError, acquire, read, release

NOW = datetime(2026, 11, 25, 3, 30, tzinfo=UTC)
OURS = Lock(holder="upgrade 7", token="a", since="2026-11-25T03:30:00Z")


def take(dynamodb, holder="upgrade 7", token="a", at=NOW) -> Lock:
    return acquire(dynamodb, "control", holder=holder, token=token, at=at)


def test_a_free_lock_is_taken(dynamodb):
    assert read(dynamodb, "control") is None
    assert take(dynamodb) == OURS == read(dynamodb, "control")


def test_taken_again_with_its_token_it_stays_as_it_was(dynamodb):
    take(dynamodb)
    assert take(dynamodb, at=NOW + timedelta(hours=1)) == OURS


def test_fails_on_another_s_lock_and_names_the_holder(dynamodb):
    take(dynamodb)
    with pytest.raises(LockHeldError, match="upgrade 7 since 2026-11-25T03:30:00Z"):
        take(dynamodb, holder="somebody", token="b")
    assert read(dynamodb, "control") == OURS


def test_released_it_is_free_and_can_be_released_again(dynamodb):
    take(dynamodb)
    release(dynamodb, "control", token="a")
    release(dynamodb, "control", token="a")
    assert read(dynamodb, "control") is None


def test_fails_to_release_another_s_lock(dynamodb):
    take(dynamodb)
    with pytest.raises(LockHeldError, match="should be 'a'.*got 'b'"):
        release(dynamodb, "control", token="b")
    assert read(dynamodb, "control") == OURS

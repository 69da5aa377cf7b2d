"""Acknowledgements in moto: whose word counts, for how long, and how one waits for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from functions.control_table.acknowledgements import (
    KEPT,
    acknowledge,
    acknowledgements,
    missing,
)
from functions.control_table.mode import Mode, State

NOW = datetime(2026, 11, 25, 3, 30, tzinfo=UTC)


def state(epoch: int) -> State:
    return State(mode=Mode.READ_ONLY, reason="r", epoch=epoch, by="b", at="2026-11-25T03:30:00Z")


@pytest.fixture
def obeys(dynamodb):
    """`obeys("task-1", 7)`: the task of the edge acknowledges the epoch."""

    def obeys(task_id, epoch, *, layer="edge", at=NOW):
        acknowledge(dynamodb, "control", layer=layer, task_id=task_id, state=state(epoch), at=at)

    return obeys


def test_a_task_is_missing_until_it_obeys(dynamodb, obeys):
    asked = {"layer": "edge", "task_ids": ["one", "two"], "epoch": 7, "now": NOW}
    assert missing(dynamodb, "control", **asked) == {"one", "two"}
    obeys("one", 7)
    obeys("two", 6)
    assert missing(dynamodb, "control", **asked) == {"two"}
    obeys("two", 8)  # a later epoch says that this one was passed
    assert missing(dynamodb, "control", **asked) == set()


def test_one_layer_does_not_speak_for_another(dynamodb, obeys):
    obeys("one", 7, layer="app")
    obeys("one", 7, layer="edge-b")
    found = missing(dynamodb, "control", layer="edge", task_ids=["one"], epoch=7, now=NOW)
    assert found == {"one"}


def test_a_word_expires_although_dynamodb_has_not_dropped_it_yet(dynamodb, obeys):
    obeys("one", 7)
    asked = {"layer": "edge", "task_ids": ["one"], "epoch": 7}
    assert missing(dynamodb, "control", **asked, now=NOW + KEPT - timedelta(seconds=1)) == set()
    assert missing(dynamodb, "control", **asked, now=NOW + KEPT) == {"one"}


def test_dynamodb_is_told_when_to_drop_it(dynamodb, obeys):
    obeys("one", 7)
    key = {"pk": {"S": "ack"}, "sk": {"S": "edge#one"}}
    item = dynamodb.get_item(TableName="control", Key=key)["Item"]
    assert int(item["expires"]["N"]) == int(NOW.timestamp()) + 600
    assert (item["mode"]["S"], item["at"]["S"]) == ("READ_ONLY", "2026-11-25T03:30:00Z")


def test_more_tasks_than_a_page_holds_are_all_heard(dynamodb, obeys, monkeypatch):
    """moto pages by size like DynamoDB: here at 1 MB, with task ids that fill it."""
    for number in range(1_100):
        obeys(f"{number:04}" + "x" * 950, 7)
    found = list(acknowledgements(dynamodb, "control", layer="edge", now=NOW))
    assert len(found) == 1_100


def test_fails_on_a_layer_that_could_be_read_as_another(dynamodb):
    with pytest.raises(ValueError, match="'layer' should be a word without '#', got 'a#b'"):
        acknowledge(dynamodb, "control", layer="a#b", task_id="one", state=state(1), at=NOW)

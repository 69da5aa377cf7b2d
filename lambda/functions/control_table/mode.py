"""The mode of a Region: one item, whose every change raises its epoch by one.

Each change is conditional on the epoch that its maker saw, so that of two makers who saw the same
state one is told that it was too late. Over a state an event may lay a hold, READ_ONLY in any case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

KEY = {"pk": {"S": "mode"}, "sk": {"S": "current"}}


class Mode(StrEnum):
    """Says whether a Region accepts writes."""

    READ_WRITE = "READ_WRITE"
    READ_ONLY = "READ_ONLY"


class EpochPassedError(Exception):
    """The mode was changed by somebody else since the caller read it."""


class NoModeError(Exception):
    """The item is not there: the Region's bootstrap has not run."""


@dataclass(frozen=True, kw_only=True)
class State:
    """The mode as the table has it."""

    mode: Mode
    reason: str
    epoch: int  # 1 for the first state, one more with each change
    by: str  # who changed it: a person, an execution, an alarm
    at: str  # when, ISO 8601 in UTC


def read(dynamodb: Any, table: str) -> State | None:
    """The current state, strongly consistent; None where no bootstrap has run yet."""
    answer = dynamodb.get_item(TableName=table, Key=KEY, ConsistentRead=True)
    item = answer.get("Item")
    return None if item is None else _state(item)


def begin(dynamodb: Any, table: str, *, by: str, at: datetime) -> State:
    """Make the item, READ_WRITE with epoch 1, where there is none; an existing one stays.

    Returns the state that is there afterwards.
    """
    first = State(mode=Mode.READ_WRITE, reason="first start", epoch=1, by=by, at=timestamp(at))
    try:
        dynamodb.put_item(
            TableName=table, Item=_item(first), ConditionExpression="attribute_not_exists(pk)"
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return known(dynamodb, table)
    return first


def change(
    dynamodb: Any, table: str, *, mode: Mode, reason: str, by: str, at: datetime, epoch: int
) -> State:
    """Change the mode of the state with this epoch; the new state's epoch is one more.

    Sent twice, it changes once. Raises EpochPassedError when the epoch is not the table's any
    more, and NoModeError where there is no item.
    """
    new = State(mode=mode, reason=reason, epoch=epoch + 1, by=by, at=timestamp(at))
    try:
        dynamodb.put_item(
            TableName=table,
            Item=_item(new),
            ConditionExpression="epoch = :seen",
            ExpressionAttributeValues={":seen": {"N": str(epoch)}},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        found = known(dynamodb, table)
        if found == new:  # this very change, whose answer was lost
            return found
        raise EpochPassedError(
            f"'epoch' should be {found.epoch}, set by {found.by} at {found.at}, got {epoch}; "
            "read the mode again and decide anew"
        ) from None
    return new


def enter_read_only(dynamodb: Any, table: str, *, reason: str, by: str, at: datetime) -> State:
    """Enter READ_ONLY whatever the epoch is: what anybody, an alarm too, may do at any time.

    Entered already by the same maker for the same reason, nothing changes. Entered by somebody
    else, the epoch rises, so that the other cannot leave what is still needed here.
    Raises NoModeError where there is no item.
    """
    while True:
        found = known(dynamodb, table)
        if (found.mode, found.reason, found.by) == (Mode.READ_ONLY, reason, by):
            return found
        try:
            return change(
                dynamodb,
                table,
                mode=Mode.READ_ONLY,
                reason=reason,
                by=by,
                at=at,
                epoch=found.epoch,
            )
        except EpochPassedError:
            continue  # somebody was faster; each round means that another change succeeded


def leave_read_only(
    dynamodb: Any, table: str, *, epoch: int, reason: str, by: str, at: datetime
) -> State:
    """Leave the READ_ONLY that was entered with this epoch, and no other.

    Raises EpochPassedError when somebody else needs READ_ONLY by now, and NoModeError.
    """
    return change(dynamodb, table, mode=Mode.READ_WRITE, reason=reason, by=by, at=at, epoch=epoch)


def hold_read_only(
    dynamodb: Any, table: str, *, reason: str, by: str, at: datetime, epoch: int
) -> State:
    """Lay a hold over the state with this epoch: READ_ONLY, whatever the state below says.

    All that an event may do. It writes `held` and raises the epoch, so that its maker needs no
    right to write `mode` and can turn nobody's READ_ONLY into anything else; the next `change`,
    a person's, ends it. Raises EpochPassedError when the epoch is not the table's any more, and
    NoModeError where there is no item.
    """
    held = {"reason": {"S": reason}, "by": {"S": by}, "at": {"S": timestamp(at)}}
    try:
        dynamodb.update_item(
            TableName=table,
            Key=KEY,
            UpdateExpression="SET held = :held ADD epoch :one",
            ConditionExpression="epoch = :seen",
            ExpressionAttributeValues={
                ":held": {"M": held},
                ":one": {"N": "1"},
                ":seen": {"N": str(epoch)},
            },
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        found = known(dynamodb, table)
        raise EpochPassedError(
            f"'epoch' should be {found.epoch}, set by {found.by} at {found.at}, got {epoch}; "
            "read the mode again and decide anew"
        ) from None
    return State(mode=Mode.READ_ONLY, reason=reason, epoch=epoch + 1, by=by, at=held["at"]["S"])


def timestamp(at: datetime) -> str:
    """ISO 8601 in UTC, to the second. Raises ValueError for a time that knows no zone."""
    if at.tzinfo is None:
        raise ValueError(f"'at' should know its time zone, got {at.isoformat()}")
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def known(dynamodb: Any, table: str) -> State:
    """As `read`. Raises NoModeError where there is no item."""
    found = read(dynamodb, table)
    if found is None:
        raise NoModeError(f"'{table}' has no mode yet; run the bootstrap of this Region")
    return found


def _state(item: Mapping[str, Mapping[str, Any]]) -> State:
    """Return the state in force: the hold where there is one, else the state below it."""
    held = item.get("held", {}).get("M")
    above = held or item
    return State(
        mode=Mode.READ_ONLY if held else Mode(item["mode"]["S"]),
        reason=above["reason"]["S"],
        epoch=int(item["epoch"]["N"]),
        by=above["by"]["S"],
        at=above["at"]["S"],
    )


def _item(state: State) -> dict[str, dict[str, str]]:
    return {
        **KEY,
        "mode": {"S": state.mode.value},
        "reason": {"S": state.reason},
        "epoch": {"N": str(state.epoch)},
        "by": {"S": state.by},
        "at": {"S": state.at},
    }

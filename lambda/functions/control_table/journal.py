"""Records what a run did, step by step, so that another run can go on where it stopped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from functions.control_table.mode import timestamp

_LAST = 999_999


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Records that a step began, ended or failed. `detail` is for people, 1,000 characters."""

    sequence: int  # 1 to 999,999 within its run
    step: str
    state: str
    at: str  # ISO 8601 in UTC
    detail: str = ""


class SequenceTakenError(Exception):
    """Another line stands at that sequence: two processes write the journal of one run."""


def write(dynamodb: Any, table: str, run: str, entry: Entry) -> None:
    """Write a line at its place; the same line again changes nothing.

    Raises ValueError for a sequence out of range and SequenceTakenError for another line there.
    """
    if not 1 <= entry.sequence <= _LAST:
        raise ValueError(f"'sequence' should be 1 to {_LAST}, got {entry.sequence}")
    item = {
        "pk": {"S": f"journal#{run}"},
        "sk": {"S": f"{entry.sequence:06d}"},
        "step": {"S": entry.step},
        "state": {"S": entry.state},
        "at": {"S": entry.at},
        "detail": {"S": entry.detail[:1_000]},
    }
    try:
        dynamodb.put_item(
            TableName=table, Item=item, ConditionExpression="attribute_not_exists(pk)"
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        key = {"pk": item["pk"], "sk": item["sk"]}
        found = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
        if found != item:
            raise SequenceTakenError(
                f"journal '{run}' has another line at {entry.sequence}: {found}"
            ) from None


def append(
    dynamodb: Any, table: str, run: str, *, step: str, state: str, at: datetime, detail: str = ""
) -> Entry:
    """Write the next line of a run. A line like the last one, of the same time, is that one."""
    last = newest(dynamodb, table, run)
    entry = Entry(
        sequence=last.sequence + 1 if last else 1,
        step=step,
        state=state,
        at=timestamp(at),
        detail=detail[:1_000],
    )
    if last and (last.step, last.state, last.at, last.detail) == (
        entry.step,
        entry.state,
        entry.at,
        entry.detail,
    ):
        return last  # sent again because the answer was lost
    write(dynamodb, table, run, entry)
    return entry


def newest(dynamodb: Any, table: str, run: str) -> Entry | None:
    """The last line of a run; None for a run that never began."""
    answer = dynamodb.query(
        TableName=table,
        KeyConditionExpression="pk = :run",
        ExpressionAttributeValues={":run": {"S": f"journal#{run}"}},
        ConsistentRead=True,
        ScanIndexForward=False,
        Limit=1,
    )
    return next(map(_entry, answer["Items"]), None)


def entries(dynamodb: Any, table: str, run: str) -> Iterator[Entry]:
    """Yield every line of a run in order."""
    pages = dynamodb.get_paginator("query").paginate(
        TableName=table,
        KeyConditionExpression="pk = :run",
        ExpressionAttributeValues={":run": {"S": f"journal#{run}"}},
        ConsistentRead=True,
    )
    for page in pages:
        yield from map(_entry, page["Items"])


def _entry(item: dict[str, Any]) -> Entry:
    return Entry(
        sequence=int(item["sk"]["S"]),
        step=item["step"]["S"],
        state=item["state"]["S"],
        at=item["at"]["S"],
        detail=item["detail"]["S"],
    )

"""Records which tasks obey: each writes the epoch that it follows; a mode change waits for all."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from functions.control_table.mode import Mode, State, timestamp

# An acknowledgement says something about a living task only: a task writes its own again well
# before this, and that of a stopped task goes.
KEPT = timedelta(seconds=600)


@dataclass(frozen=True, kw_only=True)
class Acknowledgement:
    """Records that a task obeys the mode of an epoch."""

    layer: str  # edge, app, worker ...
    task_id: str
    epoch: int
    mode: Mode
    at: str  # ISO 8601 in UTC


def acknowledge(
    dynamodb: Any, table: str, *, layer: str, task_id: str, state: State, at: datetime
) -> None:
    """Record that this task obeys the state. Written again, it is kept for longer."""
    if "#" in layer or not layer:
        raise ValueError(f"'layer' should be a word without '#', got '{layer}'")
    dynamodb.put_item(
        TableName=table,
        Item={
            "pk": {"S": "ack"},
            "sk": {"S": f"{layer}#{task_id}"},
            "epoch": {"N": str(state.epoch)},
            "mode": {"S": state.mode.value},
            "at": {"S": timestamp(at)},
            "expires": {"N": str(int((at + KEPT).timestamp()))},
        },
    )


def acknowledgements(
    dynamodb: Any, table: str, *, layer: str, now: datetime
) -> Iterator[Acknowledgement]:
    """Yield the valid acknowledgements of a layer; DynamoDB drops expired ones late."""
    pages = dynamodb.get_paginator("query").paginate(
        TableName=table,
        ConsistentRead=True,
        KeyConditionExpression="pk = :ack AND begins_with(sk, :layer)",
        ExpressionAttributeValues={":ack": {"S": "ack"}, ":layer": {"S": f"{layer}#"}},
    )
    for page in pages:
        for item in page["Items"]:
            if int(item["expires"]["N"]) > now.timestamp():
                yield Acknowledgement(
                    layer=layer,
                    task_id=item["sk"]["S"].partition("#")[2],
                    epoch=int(item["epoch"]["N"]),
                    mode=Mode(item["mode"]["S"]),
                    at=item["at"]["S"],
                )


def missing(
    dynamodb: Any, table: str, *, layer: str, task_ids: Collection[str], epoch: int, now: datetime
) -> set[str]:
    """Return the tasks of a layer that do not obey this epoch, or a later one, yet."""
    obeying = {
        found.task_id
        for found in acknowledgements(dynamodb, table, layer=layer, now=now)
        if found.epoch >= epoch
    }
    return set(task_ids) - obeying

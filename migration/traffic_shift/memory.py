"""The shift's place in the control table: one item, which no deploy ever writes."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from .counting import Cell, Kind
from .shift import Seen, Shift, ShiftPlan

KEY = {"pk": "shift", "sk": "current"}
# DynamoDB takes 400 KB an item; compressed, that is some ten thousand cells. Routes and shapes
# are lists of ours, so their number has an end.
MEMORY_BYTES_MAX = 380_000


class ShiftOvertakenError(Exception):
    """Somebody else has changed the shift since it was read: read it again, and decide again."""


def read(table: Any) -> Shift | None:
    """Return the shift as it stands, or None where there never was one."""
    item = table.get_item(Key=KEY, ConsistentRead=True).get("Item")
    return None if item is None else _shift(item)


def write(table: Any, shift: Shift, plan: ShiftPlan) -> Shift:
    """Keep the shift, and return it with the version that it has now.

    Raises ShiftOvertakenError unless the item is still the one that was read, and ValueError where
    it has grown beyond what an item takes.
    """
    condition = "attribute_not_exists(pk)"
    values = {}
    if shift.version:
        condition, values = "version = :read", {":read": shift.version}
    try:
        table.put_item(
            Item={**KEY, **_item(shift, plan), "version": shift.version + 1},
            ConditionExpression=condition,
            **({"ExpressionAttributeValues": values} if values else {}),
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            raise ShiftOvertakenError(f"version {shift.version} of the shift is no more") from error
        raise
    kept = read(table)
    assert kept is not None
    return kept


def _item(shift: Shift, plan: ShiftPlan) -> dict[str, Any]:
    memory = {
        "cells": [
            [*cell.kind, cell.status_class, seen.rank, seen.evidence]
            for cell, seen in shift.cells.items()
        ],
        "statuses": [[*pair, *counts] for pair, counts in shift.statuses.items()],
    }
    packed = gzip.compress(json.dumps(memory).encode(), mtime=0)
    if len(packed) > MEMORY_BYTES_MAX:
        raise ValueError(
            f"'cells' should fit into {MEMORY_BYTES_MAX} bytes, got {len(packed)} for "
            f"{len(shift.cells)} cells: name fewer routes"
        )
    return {
        "state": shift.state,
        "step": shift.step,
        "weight": shift.weight(plan),
        "since": shift.since.isoformat(),
        "counted_until": shift.counted_until.isoformat(),
        "reason": shift.reason,
        "requests": shift.requests,
        "memory": packed,
    }


def _shift(item: dict[str, Any]) -> Shift:
    memory = json.loads(gzip.decompress(bytes(item["memory"])))
    return Shift(
        state=item["state"],
        step=int(item["step"]),
        since=datetime.fromisoformat(item["since"]),
        counted_until=datetime.fromisoformat(item["counted_until"]),
        reason=item["reason"],
        requests=int(item["requests"]),
        cells={
            Cell(Kind(route, method, shape), status_class): Seen(
                rank=rank, evidence=tuple(evidence)
            )
            for route, method, shape, status_class, rank, evidence in memory["cells"]
        },
        statuses={
            (route, status): (legacy, new) for route, status, legacy, new in memory["statuses"]
        },
        version=int(item["version"]),
    )

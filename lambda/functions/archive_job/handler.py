"""The functions of the state machine: read the event and the environment, call the state."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from functions.archive_job import states
from functions.block_archive.connect import BLOCKS_PER_SECOND, ArchiveConnection, connect
from functions.block_archive.reliable import ReliableBlocks
from functions.block_archive.store import Store

_WORKERS = 16  # requests at once; more bring nothing on two processors
_SPARE_MILLISECONDS = 60_000  # what an item needs to end in order, before the function is cut


def plan(event: dict[str, Any], _: Any) -> dict[str, Any]:
    """Plan the items of a job. Raises ArchiveError."""
    budget = _budget()
    blocks, store = _parts(budget)
    asked = states.Asked.read(event)
    return _printed("plan", states.plan(blocks, store, asked, budget=budget, now=_now()))


def work(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Do one item of the job. Raises ArchiveError or OutOfTime."""
    blocks, store = _parts(float(event["blocks_per_second"]))
    receipt = states.work(
        blocks,
        store,
        event["job"],
        int(event["item"]),
        workers=_WORKERS,
        deadline=_deadline(context),
        now=_now,
    )
    return _printed("work", receipt)


def commit(event: dict[str, Any], _: Any) -> dict[str, Any]:
    """The root, when every item is done. Raises ArchiveError."""
    _, store = _parts(_budget())
    return _printed("commit", states.commit(store, event["job"], now=_now()))


def verify(event: dict[str, Any], _: Any) -> dict[str, Any]:
    """Level 0, 1 or 2 of a root, and its evidence. Raises ArchiveError naming what is wrong."""
    _, store = _parts(_budget())
    return _printed("verify", states.proven(store, event, now=_now()))


def prune_copy(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Sweep a copy behind its original. Raises ArchiveError before anything is deleted."""
    del event
    _, store = _parts(_budget())
    _, original = connect(
        ArchiveConnection(bucket=os.environ["ORIGINAL"], region=os.environ["ORIGINAL_REGION"])
    )
    swept = states.pruned(store, original, stop=_deadline(context), now=_now())
    return _printed("prune_copy", swept)


def _budget() -> float:
    return float(os.environ.get("BLOCKS_PER_SECOND", BLOCKS_PER_SECOND))


def _parts(blocks_per_second: float) -> tuple[ReliableBlocks, Store]:
    return connect(
        ArchiveConnection(
            bucket=os.environ["ARCHIVE_BUCKET"],
            workers=_WORKERS,
            blocks_per_second=blocks_per_second,
            transport=os.environ.get("TRANSPORT", "botocore"),
        )
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _deadline(context: Any) -> Callable[[], bool]:
    return lambda: context.get_remaining_time_in_millis() < _SPARE_MILLISECONDS


def _printed(state: str, result: dict[str, Any]) -> dict[str, Any]:
    print(json.dumps({"state": state, **result}))
    return result

"""The drill of a master that had not sent everything, in small; and that it would see a loss."""

from __future__ import annotations

from collections.abc import Sequence

from gameday.reconcile import Accounts, ReconcileSize, drill, holds
from gameday.reconcile_load import History, Write

SMALL = ReconcileSize(writes=1_500, writers=3, rows=40, rows_after=6, after_seconds=0.5)
USER, ADMIN = ("USER", "a"), ("ADMIN", "a")


def test_every_acknowledged_write_is_present_overwritten_or_set_aside():
    report = drill(SMALL, log=lambda _: None)
    assert holds(report, SMALL), report


def accounts(*, carried: list[int], aside: Sequence[int] = ()) -> Accounts:
    """As after a promotion at 100, of the row `r`."""
    answer = {
        "arrived": "0/64",
        "set_aside": [
            {"commit_lsn": f"0/{lsn:X}", "changes": [{"key": {"id": "r"}}]} for lsn in aside
        ],
    }
    return Accounts(answer, carried)


def row(*values: tuple[str, str] | None) -> History:
    """Writes of one row, committed at 55, 155, 255, and so on."""
    writes = [
        Write(value=value, after=50 + 100 * number, before=60 + 100 * number)
        for number, value in enumerate(values)
    ]
    return History(id="r", writes=writes)


def test_a_row_that_was_set_back_is_seen():
    seen = accounts(carried=[155, 255])
    seen.take(row(USER, ADMIN, USER), None, ADMIN)
    assert seen.counts["other"] == 1


def test_a_write_that_nobody_carried_over_or_listed_is_seen_behind_a_newer_one():
    seen = accounts(carried=[])
    later = History(id="r", writes=[Write(value=USER, after=10, before=20)])
    seen.take(row(USER, ADMIN), later, USER)
    assert seen.counts["other"] == 1
    listed = accounts(carried=[], aside=[155])
    listed.take(row(USER, ADMIN), later, USER)
    assert (listed.counts["other"], listed.counts["set_aside"]) == (0, 1)

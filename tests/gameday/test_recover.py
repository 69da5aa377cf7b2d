"""The drill of lost rows, in small."""

from __future__ import annotations

import pytest

from gameday.recover import RecoverSize, drill, holds

SMALL = RecoverSize(
    rows=300, writers=2, delay_seconds=600, before_seconds=0.5, unnoticed_seconds=0.2
)


def test_every_row_that_a_mistake_deleted_is_back_and_later_writes_are_kept():
    logged: list[str] = []
    report = drill(SMALL, log=logged.append)
    assert holds(report), report
    assert report["rows_brought_back"] == 300
    assert report["later_rows_of_the_tenant_kept"] == 50
    steps = list(report["seconds"])
    assert steps[:5] == ["pause", "find", "recover", "dump", "restore_rows"]
    assert steps[-1] == "follow"
    assert any("B and L have none of them left" in line for line in logged)


def test_what_is_found_out_too_late_is_refused_before_anything_starts():
    with pytest.raises(ValueError, match="gone from the replica too"):
        RecoverSize(rows=1, writers=1, delay_seconds=1, before_seconds=1, unnoticed_seconds=1)

"""The journal of a run in moto: lines in order, each once, however often they are sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from functions.control_table.journal import (
    Entry,
    SequenceTakenError,
    append,
    entries,
    newest,
    write,
)

NOW = datetime(2026, 11, 25, 3, 30, tzinfo=UTC)
FIRST = Entry(sequence=1, step="fence", state="began", at="2026-11-25T03:30:00Z", detail="A")


def add(dynamodb, state="began", at=NOW, run="7", detail="A") -> Entry:
    return append(dynamodb, "control", run, step="fence", state=state, at=at, detail=detail)


def test_lines_are_read_in_the_order_they_were_written(dynamodb):
    assert newest(dynamodb, "control", "7") is None
    add(dynamodb)
    add(dynamodb, "ended", NOW + timedelta(seconds=9))
    found = list(entries(dynamodb, "control", "7"))
    assert found[0] == FIRST
    assert [(entry.sequence, entry.state) for entry in found] == [(1, "began"), (2, "ended")]
    assert newest(dynamodb, "control", "7") == found[1]


def test_a_line_that_is_sent_again_is_there_once(dynamodb):
    assert add(dynamodb) == add(dynamodb)
    write(dynamodb, "control", "7", FIRST)
    assert list(entries(dynamodb, "control", "7")) == [FIRST]


def test_fails_on_two_writers_of_one_run(dynamodb):
    add(dynamodb)
    with pytest.raises(SequenceTakenError, match="another line at 1"):
        write(dynamodb, "control", "7", Entry(sequence=1, step="drain", state="began", at=FIRST.at))


@pytest.mark.parametrize("sequence", [0, 1_000_000])
def test_fails_on_a_sequence_out_of_range(dynamodb, sequence):
    line = Entry(sequence=sequence, step="fence", state="began", at=FIRST.at)
    with pytest.raises(ValueError, match="should be 1 to 999999"):
        write(dynamodb, "control", "7", line)


def test_runs_do_not_mix_and_long_ones_are_read_to_the_end(dynamodb):
    """More than one page: DynamoDB answers at most 1 MiB, moto as well."""
    lines = 1_100
    for number in range(1, lines + 1):
        line = Entry(sequence=number, step="fence", state="began", at=FIRST.at, detail="x" * 1_000)
        write(dynamodb, "control", "7", line)
    add(dynamodb, run="8")
    assert [entry.sequence for entry in entries(dynamodb, "control", "7")] == [*range(1, lines + 1)]
    assert list(entries(dynamodb, "control", "8")) == [FIRST]


def test_a_detail_is_cut_to_what_fits(dynamodb):
    assert len(add(dynamodb, detail="x" * 2_000).detail) == 1_000
    assert add(dynamodb, detail="x" * 2_000).sequence == 1

"""What PostgreSQL's parser says of a migration is no milder than what the trial on a copy says."""

from __future__ import annotations

import pytest

from review import migrations
from review.migrations import breaks
from tests.service.operations.test_judgement import ADDS, BREAKS, NOTHING

# Harmless as tried; what they do cannot be read off them, or would be more elsewhere.
NOT_READABLE = {
    "DO $$ BEGIN PERFORM 1; END $$": "line 1: DoStmt is not known to only add",
    "REVOKE SELECT ON pet FROM app_reader": "line 1: takes a right away",
    "CREATE TABLE log_2026 PARTITION OF log FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')": (
        "line 1: may read the default partition of log"
    ),
}
# What no text shows: that a function of the name was there.
TRIED_ALONE = {"CREATE FUNCTION ask(a text) RETURNS int LANGUAGE sql AS 'SELECT 1'"}


@pytest.mark.parametrize("text", [text for text, _ in BREAKS if text not in TRIED_ALONE])
def test_what_the_trial_calls_breaking_the_parser_does_too(text):
    assert breaks(text)


@pytest.mark.parametrize("text", [*NOTHING, *ADDS])
def test_what_adds_is_read_as_such_or_is_not_readable(text):
    assert breaks(text) == ([NOT_READABLE[text]] if text in NOT_READABLE else [])


@pytest.mark.parametrize(
    "text",
    [
        "ALTER TABLE pet ADD COLUMN since date DEFAULT CURRENT_DATE",  # the same all day long
        "ALTER TABLE pet ADD COLUMN since timestamptz NOT NULL DEFAULT now()",
        "DO $$ BEGIN IF now() > '2027-01-01' THEN DELETE FROM pet; END IF; END $$",
        "SELECT pg_advisory_lock(1)",
        "LOCK TABLE pet",
        "CALL sweep()",
    ],
)
def test_what_a_few_rows_at_one_time_would_not_show_is_breaking(text):
    assert breaks(text)


def test_a_reason_has_its_line():
    text = "-- first\nCREATE TABLE toy (id uuid PRIMARY KEY);\n\n\nDROP TABLE pet;\n"
    assert breaks(text) == ["line 5: DropStmt is not known to only add"]


def test_the_shipped_migrations_of_the_transaction_store_only_add(capsys):
    """Its first one makes everything: it is old code's own."""
    assert migrations.main() == 0
    assert "transaction/0002_default_partition.sql: only adds" in capsys.readouterr().out

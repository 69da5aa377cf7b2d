"""What a migration that only adds may hold: the transaction store takes no other kind."""

from __future__ import annotations

import pytest

from service.operations.expand_only import breaks
from service.operations.migrations import read
from tests.service.operations.conftest import migrations

ADDS = [
    "CREATE TABLE device (id uuid PRIMARY KEY, name text)",
    "CREATE INDEX ON device (name)",
    "ALTER TABLE event ADD COLUMN city text",
    "ALTER TABLE event ADD COLUMN seen boolean NOT NULL DEFAULT false, ADD COLUMN n int DEFAULT 0",
    "ALTER TABLE event ADD CONSTRAINT known CHECK (kind <> '') NOT VALID",
    "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS $$ SELECT 1; DROP TABLE event $$",
    "COMMENT ON TABLE event IS 'DROP TABLE event'",
]
DOES_MORE = [
    ("DROP TABLE event", "changes or removes"),
    ("ALTER TABLE event DROP COLUMN actor", "changes or removes"),
    ("ALTER TABLE event RENAME COLUMN actor TO who", "changes or removes"),
    ("ALTER TABLE event ALTER COLUMN kind TYPE varchar(9)", "changes or removes"),
    ("UPDATE event SET kind = 'x'", "changes or removes"),
    ("CREATE TABLE copy AS SELECT * FROM event", "changes or removes"),
    ("CREATE INDEX ON event (kind)", "locks a table that is in use"),
    ("ALTER TABLE event ADD COLUMN city text NOT NULL", "checks or rewrites"),
    ("ALTER TABLE event ADD COLUMN id2 uuid DEFAULT gen_random_uuid()", "checks or rewrites"),
    ("ALTER TABLE event ADD CONSTRAINT known CHECK (kind <> '')", "checks or rewrites"),
    ("ALTER TABLE event ADD COLUMN city text, DROP COLUMN kind", "checks or rewrites"),
]


def test_what_adds_is_taken_and_an_index_on_its_own_table():
    assert breaks(ADDS) == []


@pytest.mark.parametrize(("statement", "reason"), DOES_MORE)
def test_what_does_more_is_named_with_its_reason(statement, reason):
    [found] = breaks([statement])
    assert found.startswith(reason)
    assert found.endswith(statement)


def test_the_transaction_store_refuses_it_and_the_entity_store_does_not(tmp_path):
    for store in ("transaction", "entity"):
        migrations(tmp_path, store, "DROP FUNCTION current_tenant")
    assert read("entity", tmp_path)[-1].breaking
    with pytest.raises(ValueError, match="may only add, but changes or removes"):
        read("transaction", tmp_path)


def test_a_file_with_a_gap_or_another_name_is_refused(tmp_path):
    migrations(tmp_path, "entity", "CREATE TABLE a (id int)")
    last = max((tmp_path / "entity").glob("*.sql"))
    last.rename(last.with_name("0099_more.sql"))
    with pytest.raises(ValueError, match="0099_more.sql' should be named"):
        read("entity", tmp_path)

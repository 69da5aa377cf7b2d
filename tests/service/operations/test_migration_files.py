"""The files of migrations: their names, and what the transaction store does not take."""

from __future__ import annotations

from datetime import date

import pytest

from service.operations import partitions, schema, upgrade
from service.operations.bootstrap import bootstrap
from service.operations.judgement import judge
from service.operations.migration_files import Migration, read
from service.operations.migrations import migrate
from service.operations.node import DeclinedError
from tests.service.operations.conftest import Lab, migrations

ADDED = Migration(
    version=3, name="n", sha256="", text="ALTER TABLE event ADD COLUMN n int", reverting=None
)
BREAKING = "ALTER TABLE event DROP COLUMN agent"


@pytest.fixture(scope="module")
def lab(servers):
    lab = Lab(servers)
    lab.start("entity-a", "entity-b", "transaction")
    with lab.operator() as operator:
        for store in ("entity", "transaction"):
            bootstrap(operator, store)
    lab.rows(
        "transaction",
        "INSERT INTO event (id, at, tenant_id, kind, outcome)"
        " SELECT u, now(), u, 'k', 'o' FROM gen_random_uuid() AS u",
    )
    return lab


def test_a_file_with_a_gap_or_another_name_is_refused(tmp_path):
    migrations(tmp_path, "entity", "CREATE TABLE a (id int)")
    last = max((tmp_path / "entity").glob("*.sql"))
    last.rename(last.with_name("0099_more.sql"))
    with pytest.raises(ValueError, match=r"0099_more.sql' should be named"):
        read("entity", tmp_path)


@pytest.mark.parametrize("row", ["check", "expand"])
def test_the_transaction_store_refuses_what_does_more_than_add(lab, tmp_path, row):
    """Its migrations run while it takes writes: before the upgrade begins, and by hand."""
    folder = migrations(migrations(tmp_path, "entity"), "transaction", BREAKING)
    with lab.operator() as operator:
        with pytest.raises(DeclinedError, match=r"may only add: .*column event.agent is gone"):
            upgrade.run(operator, row, folder)
        assert schema.version(operator.on("transaction")) == 2


def test_the_plan_shows_the_class_of_a_release_and_why_and_changes_nothing(lab, tmp_path):
    folder = migrations(
        migrations(tmp_path, "entity", "ALTER TABLE account RENAME COLUMN full_name TO name"),
        "transaction",
        "ALTER TABLE event ADD COLUMN city text",
    )
    with lab.operator() as operator:
        plan = upgrade.run(operator, "plan", folder)
        assert upgrade.run(operator, "plan")["class"] == "none"
        assert schema.version(operator.on("entity-b")) == 1
    [entity], [transaction] = plan["stores"]["entity"], plan["stores"]["transaction"]
    assert plan["class"] == entity["kind"] == "breaking"
    assert "column account.full_name is gone, which old code may use" in entity["reasons"]
    assert (transaction["kind"], transaction["reasons"]) == ("additive", [])


def test_months_that_were_made_and_detached_are_in_nobodys_way(lab):
    """The files make none of them; their rows and their plain tables stand on the server."""
    with lab.operator() as operator:
        partitions.make_partitions(operator, "transaction", today=date(2026, 1, 9))
        lab.rows(
            "transaction",
            "INSERT INTO event (id, at, tenant_id, kind, outcome)"
            " SELECT u, '2026-01-03', u, 'k', 'o' FROM gen_random_uuid() AS u",
        )
        partitions.detach_partitions(operator, "transaction", today=date(2026, 9, 9), keep_months=3)
        files = [*read("transaction"), ADDED]
        [found] = judge(operator, "transaction", files, None)
    assert (found.kind, found.problems) == ("additive", [])


def test_what_adds_runs_on_a_store_that_takes_writes(lab, tmp_path):
    """The last of the file. On the entity store subscribers come first, B beside its readers."""
    folder = migrations(
        migrations(tmp_path, "entity", "ALTER TABLE account ADD COLUMN nickname text"),
        "transaction",
        "ALTER TABLE event ADD COLUMN city text",
    )
    with lab.operator() as operator:
        assert upgrade.run(operator, "expand", folder) == [3]
        with pytest.raises(DeclinedError, match="entity-b is at version 1 and follows entity-a"):
            migrate(operator, "entity-a", folder=folder)
        for name in ("entity-b", "entity-a"):
            assert migrate(operator, name, folder=folder) == [2]
    lab.rows("entity-a", "INSERT INTO tenant (host, name) VALUES ('h', 'n')", user="app_writer")
    lab.wait("entity-b", "SELECT count(*) = 1 FROM tenant WHERE host = 'h'")

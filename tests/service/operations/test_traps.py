"""The traps of two masters: each springs when one part is left out, and none with all parts there.

Each trap is tried three ways: the shipped operations lose nothing; they refuse to leave the part
out; made to leave it out, they lose what the shipped ones keep.
"""

from __future__ import annotations

import psycopg
import pytest

from service.operations import fence as fences
from service.operations import migrations as runner
from service.operations import replication, rights, sequences, slots
from service.operations.bootstrap import bootstrap
from service.operations.fence import fence, unfence
from service.operations.node import DeclinedError
from service.operations.sequences import raise_sequences
from tests.service.operations.conftest import Lab, migrations
from tests.service.operations.story import BREAKING, REWRITING, Upgrade, received

ROWS = 400
WRITTEN_BY_ITS_OWN_MIGRATION = """
SELECT count(*) FROM account
WHERE xmin = (SELECT xmin FROM operations.migration ORDER BY version DESC LIMIT 1)
"""


@pytest.fixture
def lab(servers):
    """Masters of this test alone: what a trap destroys, nobody else needs."""
    lab = Lab(servers)
    lab.start("entity-a", "entity-b")
    with lab.operator() as operator:
        bootstrap(operator, "entity")
    yield lab
    for name in ("entity-a", "entity-b"):
        servers.remove(lab.by_name[name])


@pytest.fixture
def operator(lab):
    with lab.operator(timeout=20) as operator:
        yield operator


def names_on(lab, node: str, column: str) -> list[str]:
    return [row[0] for row in lab.rows(node, f"SELECT {column} FROM account ORDER BY 1")]


def upgraded(lab, operator, tmp_path, text: str, without: str = "") -> Upgrade:
    """Upgraded up to where users write again on A and B is still old."""
    lab.arrives("entity-b", lab.add_tenant(accounts=ROWS))
    received(operator, operator.link("entity-a", "entity-b"))
    upgrade = Upgrade(lab, operator, migrations(tmp_path, "entity", text), without)
    upgrade.stop_writes()
    upgrade.migrate_primary()
    return upgrade


# ------------------------------------------------------------- a migration with writes behind it


def test_an_upgrade_keeps_every_write_and_both_masters_alike(lab, operator, tmp_path):
    upgrade = upgraded(lab, operator, tmp_path, BREAKING)
    lab.rows("entity-a", "UPDATE account SET given_name = 'acknowledged'", user="app_writer")
    lab.rows(
        "entity-a",
        "INSERT INTO device (account_id, name) SELECT id, 'phone' FROM account LIMIT 9",
        user="app_writer",
    )
    upgrade.restore_secondary()
    result = upgrade.end()
    assert result["equal"], result
    assert result["tables"]["device"]["rows"] == [9, 9]
    assert set(names_on(lab, "entity-b", "given_name")) == {"acknowledged"}
    for link in (upgrade.forth, upgrade.back):
        assert replication.verify(operator, link) == []


def test_no_row_of_a_migration_is_sent_to_the_other_master(lab, operator, tmp_path):
    upgrade = upgraded(lab, operator, tmp_path, REWRITING)
    upgrade.restore_secondary()
    upgrade.end()
    assert lab.value("entity-b", WRITTEN_BY_ITS_OWN_MIGRATION) == ROWS


# ------------------------------------------------------------------ the slot that is not advanced


def test_writes_are_refused_while_a_slot_is_not_led_past_the_migration(
    lab, operator, tmp_path, monkeypatch
):
    monkeypatch.setattr(slots, "advance", lambda *_: [])
    with pytest.raises(DeclinedError, match="not led past it: advance"):
        upgraded(lab, operator, tmp_path, BREAKING)


@pytest.mark.parametrize("text", [BREAKING, REWRITING])
def test_mutation_a_slot_not_led_past_the_migration(lab, operator, tmp_path, monkeypatch, text):
    monkeypatch.setattr(slots, "advance", lambda *_: [])
    monkeypatch.setattr(runner.schema, "owed_advances", lambda _: [])
    upgrade = upgraded(lab, operator, tmp_path, text)
    upgrade.restore_secondary()
    received(operator, upgrade.forth)
    alive = lab.value(
        "entity-b", "SELECT subenabled FROM pg_subscription WHERE subname = %s", upgrade.forth.name
    )
    if text == BREAKING:
        assert alive is False  # B is sent rows with a column that it has no more
    else:
        # The whole backfill, once more and row by row.
        assert lab.value("entity-b", WRITTEN_BY_ITS_OWN_MIGRATION) == 0


# ------------------------------------------------------------- the reverse subscription left on


def test_a_migration_is_refused_while_it_would_be_replicated(lab, operator, tmp_path):
    upgrade = upgraded(lab, operator, tmp_path, REWRITING, without="reverse off")
    with pytest.raises(DeclinedError, match="is being read: pause it"):
        upgrade.restore_secondary()


def test_going_on_is_refused_while_only_one_side_is_migrated(lab, operator, tmp_path):
    upgrade = upgraded(lab, operator, tmp_path, REWRITING)
    with pytest.raises(DeclinedError, match="migrate both, then resume"):
        replication.resume(operator, upgrade.back)


def test_mutation_the_reverse_subscription_left_on_overwrites_what_users_wrote(
    lab, operator, tmp_path, monkeypatch
):
    upgrade = upgraded(lab, operator, tmp_path, REWRITING, without="reverse off")
    lab.rows("entity-a", "UPDATE account SET given_name = 'acknowledged'", user="app_writer")
    monkeypatch.setattr(slots, "require_empty", lambda *_: None)
    monkeypatch.setattr(slots, "advance", lambda *_: [])
    monkeypatch.setattr(runner.schema, "owed_advances", lambda _: [])
    upgrade.restore_secondary()
    received(operator, upgrade.back)
    lost = [name for name in names_on(lab, "entity-a", "given_name") if name != "acknowledged"]
    assert len(lost) == ROWS  # every one of them, and no error anywhere
    for link in (upgrade.forth, upgrade.back):
        assert replication.verify(operator, link) == []


# --------------------------------------------------------------- two masters that take writes


def swap(lab, operator) -> None:
    """Change one row on both masters before either has heard of the other's change."""
    forth, back = operator.link("entity-a", "entity-b"), operator.link("entity-b", "entity-a")
    replication.pause(operator, forth)
    replication.pause(operator, back)
    lab.rows("entity-a", "UPDATE account SET full_name = 'from A'", user="app_writer")
    lab.rows("entity-b", "UPDATE account SET full_name = 'from B'", user="app_writer")
    replication.resume(operator, forth)
    replication.resume(operator, back)
    received(operator, forth)
    received(operator, back)


def test_the_second_master_takes_no_write(lab, operator):
    lab.arrives("entity-b", lab.add_tenant(accounts=1))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        swap(lab, operator)
    with pytest.raises(DeclinedError, match="entity-a takes writes"):
        unfence(operator, "entity-b")


def test_mutation_two_writers_end_with_each_others_value_and_no_error(lab, operator, monkeypatch):
    lab.arrives("entity-b", lab.add_tenant(accounts=1))
    lab.wait("entity-b", "SELECT count(*) = 1 FROM account")
    monkeypatch.setattr(fences, "_require_fenced", lambda *_: None)
    unfence(operator, "entity-b")
    swap(lab, operator)
    assert names_on(lab, "entity-a", "full_name") == ["from B"]
    assert names_on(lab, "entity-b", "full_name") == ["from A"]


# ----------------------------------------------------------------------------------- sequences

COUNTED = "CREATE TABLE note (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, text text);"


def moved_to_b(lab, operator, tmp_path) -> None:
    """A table with a counter, three rows from A, and B the writer from now on."""
    folder = migrations(tmp_path, "entity", COUNTED)
    replication.pause(operator, operator.link("entity-a", "entity-b"))
    replication.pause(operator, operator.link("entity-b", "entity-a"))
    for node in ("entity-a", "entity-b"):
        runner.migrate(operator, node, folder=folder)
    replication.resume(operator, operator.link("entity-a", "entity-b"))
    replication.resume(operator, operator.link("entity-b", "entity-a"))
    lab.rows("entity-a", "INSERT INTO note (text) SELECT 'A' FROM generate_series(1, 3)")
    fence(operator, "entity-a")
    slots.drain(operator, "entity-a")
    raise_sequences(operator.on("entity-b"))
    unfence(operator, "entity-b")


def test_a_counted_key_goes_on_behind_the_last_one_of_the_other_master(lab, operator, tmp_path):
    moved_to_b(lab, operator, tmp_path)
    lab.rows("entity-b", "INSERT INTO note (text) VALUES ('B')", user="app_writer")
    assert lab.value("entity-b", "SELECT max(id) FROM note") > 3


def test_mutation_a_sequence_that_is_not_raised_gives_a_key_again(
    lab, operator, tmp_path, monkeypatch
):
    monkeypatch.setattr(sequences.catalog, "sequences", lambda _: [])
    moved_to_b(lab, operator, tmp_path)
    with pytest.raises(psycopg.errors.UniqueViolation):
        lab.rows("entity-b", "INSERT INTO note (text) VALUES ('B')", user="app_writer")


def test_keys_of_both_masters_are_ordered_by_time_and_never_the_same(lab):
    made = [
        [row[0] for row in lab.rows(node, "SELECT uuid7() FROM generate_series(1, 50)")]
        for node in ("entity-a", "entity-b", "entity-a")
    ]
    assert all(key.version == 7 for keys in made for key in keys)
    assert max(made[0]) < min(made[2])
    assert len({*made[0], *made[1], *made[2]}) == 150


def test_a_right_that_comes_another_way_is_found(lab, operator):
    lab.rows("entity-b", "GRANT UPDATE (name) ON tenant TO PUBLIC")
    assert not rights.is_fenced(operator.on("entity-b"))
    fence(operator, "entity-b")
    assert rights.is_fenced(operator.on("entity-b"))

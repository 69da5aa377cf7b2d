"""A release that only adds: every server gets its schema while all of them go on."""

from __future__ import annotations

import threading

import pytest

from service.operations import judgement, migration_files, replication, schema, upgrade
from service.operations import migrations as runner
from service.operations.bootstrap import bootstrap
from service.operations.node import DeclinedError
from tests.service.operations.conftest import Lab, migrations
from tests.service.operations.killing import killed_everywhere
from tests.service.operations.story import BREAKING
from tests.service.operations.test_killed import REVERT

ROWS = 100
NODES = ("entity-a", "entity-b", "follower")
ADDS = """
ALTER TABLE account ADD COLUMN nickname text;
CREATE TABLE colour (name text PRIMARY KEY);
INSERT INTO colour VALUES ('red'), ('green');
"""
UNDONE = "DROP TABLE colour; ALTER TABLE account DROP COLUMN nickname;"
_RUNS = "SELECT bool_and(NOT breaks) FROM operations.migration WHERE version = 2"


@pytest.fixture
def lab(servers):
    lab = Lab(servers)
    lab.start(*NODES)
    with lab.operator() as operator:
        bootstrap(operator, "entity")
    lab.arrives("follower", lab.add_tenant(accounts=ROWS))
    yield lab
    for server in lab.by_name.values():
        servers.remove(server)


@pytest.fixture
def folder(tmp_path):
    folder = migrations(tmp_path, "entity", ADDS)
    (folder / "entity" / "0002_more.revert.sql").write_text(UNDONE)
    return folder


def whole(lab: Lab, folder, version: int) -> None:
    """Every server is at the version, and every direction replicates everything."""
    with lab.operator() as operator:
        assert upgrade.run(operator, "check", folder) == dict.fromkeys(NODES, version)
        assert upgrade.run(operator, "compare", folder)["equal"]
        assert [replication.verify(operator, link) for link in operator.links_of()] == [[]] * 3


def test_old_code_writes_on_while_every_server_gets_what_new_code_needs(lab, folder):
    over, failed, written = threading.Event(), [], [0]

    def write() -> None:
        while not over.is_set():
            try:
                lab.rows("entity-a", "UPDATE account SET full_name = 'x y'", user="app_writer")
                written[0] += 1
            except Exception as error:
                failed.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with lab.operator() as operator:
            assert upgrade.run(operator, "check", folder, claimed="additive")
            applied = upgrade.run(operator, "widen", folder)
            again = upgrade.run(operator, "widen", folder)
    finally:
        over.set()
        writer.join()
    assert failed == []
    assert written[0] > 0
    assert applied == {"transaction": [], **dict.fromkeys(NODES, [2])}
    assert again == {"transaction": []}
    assert [lab.value(name, _RUNS) for name in NODES] == [True] * 3
    lab.rows("entity-a", "INSERT INTO colour VALUES ('blue')", user="app_writer")
    lab.rows("entity-a", "UPDATE account SET nickname = 'z'", user="app_writer")
    for name in ("entity-b", "follower"):
        lab.wait(name, "SELECT count(*) = 3 FROM colour")
        lab.wait(name, "SELECT count(*) = %s FROM account WHERE nickname = 'z'", ROWS)
    whole(lab, folder, 2)


def test_a_wrong_claim_is_refused_before_anything_is_changed(lab, tmp_path):
    folder = migrations(tmp_path / "breaking", "entity", BREAKING)
    (folder / "entity" / "0002_more.revert.sql").write_text(REVERT)
    for name, claimed in (("check", "none"), ("check", "additive"), ("widen", "additive")):
        with (
            lab.operator() as operator,
            pytest.raises(DeclinedError, match="needs no window .*full_name is gone"),
        ):
            upgrade.run(operator, name, folder, claimed=claimed)
    whole(lab, folder, 1)


@pytest.mark.parametrize("done", [1, 2])
def test_a_widening_that_fails_is_undone_on_the_others(lab, folder, monkeypatch, done):
    migrate, calls = runner.migrate, []

    def declined_after(operator, node, **more):
        if len(calls) == done:
            raise DeclinedError("a test")
        calls.append(node)
        return migrate(operator, node, **more)

    with lab.operator() as operator:
        with monkeypatch.context() as patch:
            patch.setattr(runner, "migrate", declined_after)
            with pytest.raises(DeclinedError, match="a test"):
                upgrade.run(operator, "widen", folder)
        upgrade.run(operator, "rejoin", folder)
        upgrade.run(operator, "rejoin", folder)
    whole(lab, folder, 1)


def test_killed_anywhere_it_widens_all_the_same(lab, folder, monkeypatch):
    """But in the trial, which changes nothing."""
    with lab.operator() as operator:
        found = judgement.judge(operator, "entity-b", migration_files.read("entity", folder))
    monkeypatch.setattr(judgement, "judge", lambda *_: found)
    assert killed_everywhere(lab, lambda o: upgrade.run(o, "widen", folder)) > 10
    whole(lab, folder, 2)


def test_killed_anywhere_it_is_undone_all_the_same(lab, folder):
    with lab.operator() as operator:
        back = operator.link("entity-b", "entity-a")
        replication.pause(operator, back)
        runner.migrate(operator, "entity-b", folder=folder)
        assert schema.version(operator.on("entity-b")) == 2
    assert killed_everywhere(lab, lambda o: upgrade.run(o, "rejoin", folder)) > 3
    whole(lab, folder, 1)

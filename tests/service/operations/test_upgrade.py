"""The acts of an upgrade on real servers: forward, back from everywhere, and killed everywhere."""

from __future__ import annotations

import threading

import psycopg
import pytest

from service.operations import fence, replication, rights, schema, slots, upgrade
from service.operations.alone import alone
from service.operations.bootstrap import bootstrap
from service.operations.migrations import revert
from service.operations.node import DeclinedError
from tests.service.operations.acts import all_acts, state
from tests.service.operations.conftest import DATABASE, Lab, migrations
from tests.service.operations.killing import killed_everywhere
from tests.service.operations.story import BREAKING
from tests.service.operations.test_killed import REVERT

ROWS = 200
NODES = ("entity-a", "entity-b", "follower")
WINDOW = ("check", "halt", "migrate")  # up to the commit point
KILLED = ("halt", "undo", "rejoin", "restore")  # at each of their statements, below
WIDENING = ("widen",)  # in test_widening.py
KILLED_AS = {"migrate": "migrate", "expand": "migrate", "open": "unfence"}  # in test_killed.py
# And change nothing.
ASK = ("plan", "check", "publish", "compare", "smoke", "logins-at-a-tenth", "logins-at-all")


@pytest.fixture(scope="module")
def servers_of_an_upgrade(servers):
    lab = Lab(servers)
    lab.start(*NODES)
    with lab.operator() as operator:
        bootstrap(operator, "entity")
    lab.arrives("follower", lab.add_tenant(accounts=ROWS))
    return lab


@pytest.fixture
def lab(servers_of_an_upgrade, folder):
    """As at first after each test: whatever it did is undone, for nobody has written since."""
    lab = servers_of_an_upgrade
    yield lab
    with lab.operator() as operator:
        fence.fence(operator, "entity-a")
        for link in operator.links_of():
            replication.pause(operator, link)
        revert(operator, "entity-a", to=1, folder=folder)
        for name in ("undo", "rejoin"):
            upgrade.run(operator, name, folder)


@pytest.fixture
def folder(tmp_path):
    folder = migrations(tmp_path, "entity", BREAKING)
    (folder / "entity" / "0002_more.revert.sql").write_text(REVERT)
    return folder


def test_every_act_of_an_upgrade_is_killed_somewhere():
    acts = {act.removeprefix("upgrade ") for act in all_acts() if act.startswith("upgrade ")}
    assert {*KILLED, *KILLED_AS, *ASK, *WIDENING} == acts


def test_it_begins_where_the_platform_does_not_let_the_origins_progress_be_read(lab, folder):
    """What commit times tell is enough: nothing is then missing that a loss would need."""
    which = "EXECUTE ON FUNCTION pg_replication_origin_progress(text, boolean)"
    masters = [lab.by_name[name] for name in ("entity-a", "entity-b")]
    for server in masters:
        server.rows(f"REVOKE {which} FROM administrator", database=DATABASE)
    try:
        with lab.operator() as operator:
            assert upgrade.run(operator, "check", folder) == dict.fromkeys(NODES, 1)
    finally:
        for server in masters:
            server.rows(f"GRANT {which} TO administrator", database=DATABASE)


@pytest.mark.parametrize("done", range(1, len(WINDOW) + 1))
def test_back_from_every_act_before_the_commit_point(lab, folder, done):
    before = state(lab)
    with lab.operator(timeout=30) as operator:
        for name in WINDOW[:done]:
            upgrade.run(operator, name, folder)
        for name in ("undo", "undo", "rejoin", "rejoin"):  # again changes nothing
            upgrade.run(operator, name, folder)
        assert upgrade.run(operator, "check", folder) == dict.fromkeys(NODES, 1)
    after = state(lab)
    for one in (before, after):  # physical order alone: a column was dropped and made again
        for name in list(one):
            if name.endswith(" floors"):  # what a slot was led past stays known
                del one[name]
                continue
            one[name] = sorted(map(str, one[name] or ()))
    assert after == before
    columns = "id, tenant_id, login, full_name"
    assert lab.rows("entity-a", f"SELECT {columns} FROM account ORDER BY id") == lab.rows(
        "entity-b", f"SELECT {columns} FROM account ORDER BY id"
    )


def test_a_second_act_waits_for_the_first(lab, folder):
    """A task whose answer was lost, and the retry that is started beside it."""
    found: list[str] = []

    def again() -> None:
        with lab.operator(timeout=0.2) as other:
            try:
                upgrade.run(other, "check", folder)
            except TimeoutError as error:
                found.append(str(error))

    with lab.operator() as operator, alone(operator, upgrade.PRIMARY):
        thread = threading.Thread(target=again)
        thread.start()
        thread.join()
    assert "no other command of an upgrade" in found[0]


def test_an_upgrade_without_a_way_back_is_refused(lab, folder):
    way_back = folder / "entity" / "0002_more.revert.sql"
    way_back.rename(way_back.with_suffix(".away"))
    with (
        lab.operator() as operator,
        pytest.raises(DeclinedError, match="has to have a way back"),
    ):
        upgrade.run(operator, "check", folder)
    way_back.with_suffix(".away").rename(way_back)


def test_mutation_without_the_fence_the_migration_is_refused(lab, folder, monkeypatch):
    monkeypatch.setattr(fence, "fence", lambda *_: None)
    with lab.operator() as operator, pytest.raises(DeclinedError, match="fence it"):
        upgrade.run(operator, "halt", folder)


def test_mutation_without_the_advance_nobody_may_write(lab, folder, monkeypatch):
    monkeypatch.setattr(slots, "advance", lambda *_: [])
    with lab.operator() as operator:
        for name in WINDOW:
            upgrade.run(operator, name, folder)
        with pytest.raises(DeclinedError, match="not led past it"):
            upgrade.run(operator, "open", folder)
        assert rights.is_fenced(operator.on("entity-a"))


def test_mutation_with_the_way_back_left_on_the_halt_is_seen(lab, folder, monkeypatch):
    """A's own slots are what `require_empty` reads; the way back is B's, and `publish` looks."""
    paused = replication.pause

    def but_for_the_way_back(operator, link):
        if link.publisher.name != "entity-b":
            paused(operator, link)

    monkeypatch.setattr(replication, "pause", but_for_the_way_back)
    with lab.operator() as operator:
        for name in (*WINDOW, "open"):
            upgrade.run(operator, name, folder)
        with pytest.raises(DeclinedError, match="subscribes to it: pause"):
            upgrade.run(operator, "publish", folder)


def test_halted_nobody_writes_and_reads_go_on(lab, folder):
    with lab.operator() as operator:
        upgrade.run(operator, "halt", folder)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        lab.rows("entity-a", "UPDATE account SET login = login", user="app_writer")
    assert lab.value("entity-b", "SELECT count(*) FROM account") == ROWS


@pytest.mark.parametrize("gone", ["entity-b", "follower"])
@pytest.mark.parametrize("done", range(2, len(WINDOW) + 1))
def test_a_helper_that_is_gone_does_not_keep_writers_out_of_what_is_undone(lab, folder, gone, done):
    with lab.operator() as operator:
        for name in WINDOW[:done]:
            upgrade.run(operator, name, folder)
    lab.by_name[gone].stop()
    try:
        with lab.operator(timeout=5) as operator:
            upgrade.run(operator, "undo", folder)
            with pytest.raises(DeclinedError, match=f"{gone} does not answer: everything else"):
                upgrade.run(operator, "rejoin", folder)
            assert schema.version(operator.on("entity-a")) == 1
        lab.rows("entity-a", "UPDATE account SET login = login", user="app_writer")
    finally:
        lab.by_name[gone].start()
    with lab.operator() as operator:
        upgrade.run(operator, "rejoin", folder)
        assert upgrade.run(operator, "check", folder) == dict.fromkeys(NODES, 1)
        assert upgrade.run(operator, "compare", folder)["equal"]


def test_killed_anywhere_it_ends_with_nothing_lost_and_all_alike(servers_of_an_upgrade, folder):
    """The last of the file: it leaves the new version behind. Back and forth, then forward."""
    lab, kills = servers_of_an_upgrade, 0
    for name in ("halt", "migrate", "undo", "rejoin", *WINDOW[1:], "open"):
        if name not in KILLED:
            with lab.operator() as operator:
                upgrade.run(operator, name, folder)
        else:
            kills += killed_everywhere(lab, lambda o, name=name: upgrade.run(o, name, folder))
    versions = {"entity-a": 2, "entity-b": 1, "follower": 1}
    with lab.operator() as operator:
        assert {name: schema.version(operator.on(name)) for name in NODES} == versions
    lab.rows("entity-a", "UPDATE account SET given_name = 'written'", user="app_writer")
    with lab.operator() as operator:
        upgrade.run(operator, "publish", folder)
    lab.by_name["entity-b"].stop()
    with (
        lab.operator(timeout=5) as operator,
        pytest.raises(DeclinedError, match="entity-b does not answer: everything else"),
    ):
        upgrade.run(operator, "restore", folder)
    lab.by_name["entity-b"].start()
    assert lab.value("follower", "SELECT max(version) FROM operations.migration") == 2
    kills += killed_everywhere(lab, lambda o: upgrade.run(o, "restore", folder))
    assert kills > 20
    with lab.operator() as operator:
        assert upgrade.run(operator, "compare", folder)["equal"]
        for link in operator.links_of():
            assert replication.verify(operator, link) == []
    for name in NODES:
        assert lab.value(name, "SELECT count(*) FROM account WHERE given_name = 'written'") == ROWS

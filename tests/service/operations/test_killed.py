"""Every act of the command line, killed after each of its statements and run again: same end state.

Acts run in stories, on two systems alike: in one nothing is killed. Before each act a dry run has
to say what it would do, and to do nothing. Killed before a statement is killed after the one before
it; what a gone process had begun is finished by the server, or rolled back with its transaction.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local.postgres import PostgresServers, Watched
from service.operations import canary, replication, standby
from service.operations import migrations as runner
from tests.service.operations.acts import Row, System, all_acts, performed
from tests.service.operations.conftest import DATABASE, Lab, migrations
from tests.service.operations.killing import killed_everywhere
from tests.service.operations.story import BREAKING, received

REVERT = """
ALTER TABLE account ADD COLUMN full_name text NOT NULL DEFAULT '';
UPDATE account SET full_name = given_name || ' ' || family_name;
ALTER TABLE account ALTER COLUMN full_name DROP DEFAULT;
ALTER TABLE account DROP COLUMN given_name, DROP COLUMN family_name;
DROP TABLE device;
"""
# Acts that ask and change nothing.
_ASK = {
    "versions",
    "writers",
    "replication verify",
    "compare",
    "lag",
    "delayed state",
    "delayed dump",
}
_ASK |= {"partitions state"}


def _write(lab: System) -> None:
    tenant = lab.add_tenant(accounts=20)
    with lab.operator() as operator:
        for link in operator.links_of(publisher="entity-a"):
            received(operator, link)
    assert tenant


def _owe_an_advance(lab: System) -> None:
    lab.rows("entity-a", "INSERT INTO operations.advance VALUES ('entity_b_from_entity_a', 1)")


def _unsubscribe(lab: System) -> None:
    """B never heard of A; nothing is on its way."""
    with lab.operator() as operator:
        link = operator.link("entity-a", "entity-b")
        replication.drop_subscription(operator.on("entity-b"), link.name)
        lab.rows("entity-a", "SELECT pg_drop_replication_slot(%s)", link.name)


def _lose_a_slot(lab: System) -> None:
    """As A's next writer may be without it, and written since."""
    with lab.operator() as operator:
        link = operator.link("entity-a", "entity-b")
        received(operator, link)
        replication.pause(operator, link)
    lab.rows("entity-a", "SELECT pg_drop_replication_slot(%s)", link.name)
    lab.rows("entity-a", "UPDATE tenant SET name = 'unsent'")


def _old_partition(lab: System) -> None:
    lab.rows(
        "transaction",
        "CREATE TABLE event_2025_01 PARTITION OF event FOR VALUES FROM ('2025-01-01') TO"
        " ('2025-02-01')",
    )


def _wait_for_a_month(lab: System) -> None:
    """A row that no month takes, for nobody made its partition in time."""
    lab.rows(
        "transaction",
        "INSERT INTO event (id, at, tenant_id, kind, outcome)"
        " SELECT u, now() - interval '5 months', u, 'k', 'o' FROM gen_random_uuid() AS u",
    )


def _forget_the_password(lab: System) -> None:
    forgotten = "UPDATE account SET password_hash = NULL WHERE id = %s::uuid RETURNING true"
    assert lab.rows("entity-a", forgotten, canary.ACCOUNT) == [(True,)]


def _lose(name: str) -> Callable[[System], None]:
    return lambda lab: lab.by_name[name].kill()


def _write_behind_b(lab: System) -> None:
    """A has what B never gets, in two transactions of which one meets a newer write."""
    with lab.operator() as operator:
        replication.pause(operator, operator.link("entity-a", "entity-b"))
    lab.rows("entity-a", "UPDATE tenant SET name = 'lost'")
    lab.rows("entity-a", "INSERT INTO tenant (host, name) VALUES ('unsent', 'T')")
    lab.by_name["entity-a"].kill()


def _return(lab: System) -> None:
    lab.rows("entity-b", "UPDATE tenant SET name = 'newer' WHERE name = 'T'")
    lab.by_name["entity-a"].start()


def _clone_b(lab: System) -> None:
    lab.servers.remove(lab.by_name.pop("entity-a"))
    source = lab.by_name["entity-b"]
    clone = lab.add("entity-a", lab.servers.standby("entity-a", of=source))
    written = lab.value("entity-b", "SELECT pg_current_wal_flush_lsn()::text")
    clone.wait("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", written)
    clone.rows("SELECT pg_promote(true, 60)")
    source.rows("SELECT pg_drop_replication_slot('standby_entity_a')")


def _lose_with_a_reader(lab: System) -> None:
    reader = lab.add("reader", lab.servers.standby("reader", of=lab.by_name["entity-b"]))
    written = lab.value("entity-b", "SELECT pg_current_wal_flush_lsn()::text")
    reader.wait("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", written)
    lab.readers = {"entity-b": "reader"}
    lab.by_name["entity-b"].kill()


def _promote_delayed(lab: System) -> None:
    lab.by_name["delayed"].rows("SELECT pg_promote(true, 60)")


UPGRADE = [
    Row(act="bootstrap transaction", kills=20),
    Row(act="bootstrap entity", kills=60),
    Row(act="replication verify"),
    Row(act="versions"),
    Row(act="writers"),
    Row(act="lag"),
    Row(act="compare entity-a entity-b"),
    Row(act="partitions make transaction --months 6", kills=5),
    Row(act="partitions state transaction"),
    Row(act="partitions detach transaction --keep-months 2", before=_old_partition, kills=1),
    Row(act="housekeeping --keep-months 2", before=_wait_for_a_month, kills=4),
    Row(act="canary", before=_forget_the_password, kills=2),
    Row(act="fence entity-a", before=_write),
    Row(act="drain entity-a", kills=0),
    Row(act="replication redirect", kills=3),
    Row(act="replication pause", kills=3),
    Row(act="replication establish", before=_unsubscribe, kills=2),
    Row(act="replication pause entity-a entity-b"),
    Row(act="advance entity-a", before=_owe_an_advance, kills=2),
    Row(act="migrate entity-a", kills=5, process=True),
    Row(act="revert entity-a --to 1", kills=5),
    Row(act="migrate entity-a", kills=5),
    Row(act="unfence entity-a"),
    Row(act="migrate follower", kills=5),
    Row(act="migrate entity-b", kills=5),
    Row(act="replication resume", kills=5),
    Row(act="heal", before=_lose_a_slot, kills=8),
    Row(act="move entity-b", kills=2, process=True),
    Row(act="move entity-a", kills=2),
]
LOSS = [
    Row(act="promote --lost entity-a --cluster-lost", before=_write_behind_b, kills=3),
    Row(act="reconcile entity-a", before=_return, kills=4),
    Row(act="repoint entity-b", kills=4),
    Row(act="rebuild prepare entity-a", kills=4),
    Row(act="rebuild finish entity-a", before=_clone_b, kills=6),
    Row(act="promote --lost entity-b", before=_lose_with_a_reader, kills=1),
]
DELAYED = [
    Row(act="delayed state"),
    Row(act="delayed candidates account", kills=1),
    Row(act="delayed pause"),
    Row(act="delayed recover --lsn {target}", kills=4),
    Row(act="delayed dump account {file}"),
    Row(act="delayed restore-rows account", kills=4),
    Row(act="delayed follow", kills=4),
    Row(act="delayed follow --reclone", before=_promote_delayed, kills=1),
]


def test_every_act_of_the_command_line_is_in_a_story():
    of_an_upgrade = {act for act in all_acts() if act.startswith("upgrade ")}  # test_upgrade.py
    assert {row.name for row in UPGRADE + LOSS + DELAYED} == set(all_acts()) - of_an_upgrade


@pytest.fixture(scope="module")
def pair(servers: PostgresServers) -> Iterator[tuple[System, System]]:
    """Two systems alike, before their first start: in the first nothing is killed."""
    systems = System(servers), System(servers)
    for lab in systems:
        lab.start("entity-a", "entity-b", "follower", "transaction")
    yield systems
    for lab in systems:
        for server in lab.by_name.values():
            servers.remove(server)


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")  # asked for nothing


def with_a_breaking_migration(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """What the acts read has one more version of the entity store."""
    migrations(folder, "entity", BREAKING)
    migrations(folder, "transaction")
    (folder / "entity" / "0002_more.revert.sql").write_text(REVERT)
    for act in (runner.migrate, runner.revert):
        defaults = act.__kwdefaults__
        assert defaults is not None
        monkeypatch.setitem(defaults, "folder", folder)


def told(pair: tuple[System, System], row: Row, then: Callable[[], None] | None = None) -> None:
    """One act of a story: dry, unharmed, killed everywhere; then both systems are alike.

    `then` happens after each kill.
    """
    unharmed, killed = pair
    for lab in pair:
        if row.before is not None:
            row.before(lab)
    act, same = (row.act.format(target=lab.target, file=lab.file).split(" ") for lab in pair)
    before = unharmed.state()
    _, would = unharmed.run(act, dry_run=True)
    assert unharmed.state() == before, f"a dry run of '{row.act}' changed something"
    _, did = unharmed.run(act)
    assert bool(would) == bool(did), f"a dry run of '{row.act}' told {would}, it did {did}"
    kills = killed_everywhere(killed, performed(same), process=row.process, then=then)
    assert kills >= (0 if row.name in _ASK else row.kills), f"'{row.act}' was killed {kills} times"
    wanted = unharmed.state()
    assert settled(killed, wanted) == wanted, row.act
    again, _ = killed.run(same)
    assert settled(killed, wanted) == wanted, f"'{row.act}' once more: {again}"


def settled(lab: System, wanted: dict[str, Any]) -> dict[str, Any]:
    """The state, once it is the wanted one or no worker is starting that could still change it."""
    found: dict[str, Any] = {}

    def holds() -> bool:
        found.clear()
        found.update(lab.state())
        return found == wanted or _no_worker_starts(lab)

    with lab.operator() as operator:
        operator.wait(holds, "workers stand still")
    return found


def _no_worker_starts(lab: Lab) -> bool:
    return all(
        lab.value(node, "SELECT count(*) FROM pg_subscription WHERE subenabled")
        == lab.value(
            node, "SELECT count(*) FROM pg_stat_subscription WHERE latest_end_lsn IS NOT NULL"
        )
        for node, server in lab.by_name.items()
        if server.is_running
    )


def test_the_first_start_an_upgrade_and_a_loss(pair, tmp_path, monkeypatch):
    monkeypatch.setattr(canary, "password", lambda *_: "kD8sPq2LmXvR7tYw3nZb6cHj9gFa4eUo")
    for row in UPGRADE:
        if row.act.startswith("replication pause"):
            with_a_breaking_migration(monkeypatch, tmp_path)
        told(pair, row)
    for lab in pair:
        lab.rows("entity-a", "INSERT INTO device (account_id) SELECT id FROM account")
        with lab.operator() as operator:
            received(operator, operator.link("entity-a", "entity-b"))
        assert lab.run(["compare", "entity-a", "entity-b"])[0]["equal"]
    for row in LOSS:
        told(pair, row)


def test_the_delayed_replica_is_led_and_follows_again(servers, tmp_path):
    """Each kill comes with a restart of the replica, as a failing machine would add one."""
    pair = System(servers), System(servers)

    def fail_too() -> None:
        replica = pair[1].by_name["delayed"]
        began = replica.value("SELECT pg_postmaster_start_time()::text")
        with contextlib.suppress(psycopg.OperationalError):
            replica.rows(standby.STOP)
        replica.wait("SELECT pg_postmaster_start_time()::text <> %s", began)

    with ExitStack() as open_:
        for number, lab in enumerate(pair):
            lab.start("entity-a", "follower")
            lab.run(["bootstrap", "entity"])
            source = lab.by_name["follower"]
            lab.add_tenant(accounts=20)
            source.wait("SELECT count(*) = 20 FROM account", database=DATABASE)
            replica = servers.standby("delayed", of=source, recovery_min_apply_delay="1h")
            lab.add("delayed", replica)
            open_.enter_context(Watched(servers, replica, of=source))
            lab.rows("entity-a", "DELETE FROM account")
            source.wait("SELECT count(*) = 0 FROM account", database=DATABASE)
            written = source.value("SELECT pg_current_wal_insert_lsn()::text")
            replica.wait("SELECT pg_last_wal_receive_lsn() >= %s::pg_lsn", written)
            lab.file = str(tmp_path / f"{number}.csv")
            lab.target = lab.run(["delayed", "candidates", "account"])[0][0]["target_lsn"]
            source.rows("DROP EXTENSION pg_walinspect", database=DATABASE)
        for row in DELAYED:
            restarts = row.name in ("delayed recover", "delayed follow")
            told(pair, row, fail_too if restarts else None)
        for lab in pair:
            assert lab.value("entity-a", "SELECT count(*) FROM account") == 20
            assert not lab.by_name["delayed"].value("SELECT NOT pg_is_in_recovery()")

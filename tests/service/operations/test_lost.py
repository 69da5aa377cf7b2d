"""A master is lost, or rows are: what takes over, what comes back, and what is reported missing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from local.postgres import ADMINISTRATOR, SUPERUSER, PostgresServers
from service.operations import promotion, rebuild, replication
from service.operations.bootstrap import bootstrap
from service.operations.compare import compare
from service.operations.node import DatabaseNode, DeclinedError
from service.operations.operator import Operator
from service.operations.reconcile import reconcile
from tests.service.operations.conftest import DATABASE, Lab
from tests.service.operations.story import received


@pytest.fixture
def lab(servers: PostgresServers) -> Iterator[Lab]:
    made = Lab(servers)
    made.start("entity-a", "entity-b")
    with made.operator() as operator:
        bootstrap(operator, "entity")
    yield made
    for server in made.by_name.values():
        servers.remove(server)


def with_reader(lab: Lab) -> Operator:
    """The operator that knows a reader of A, as Aurora's cluster would."""
    reader = lab.add("reader", lab.servers.standby("reader", of=lab.by_name["entity-a"]))
    assert reader.is_running
    nodes: dict[str, DatabaseNode] = lab.nodes
    nodes["entity-a"] = replace(nodes["entity-a"], readers=("reader",))
    return Operator(as_superuser(lab, nodes, "reader"), timeout=60)


def as_superuser(lab: Lab, nodes: dict[str, DatabaseNode], *names: str) -> dict[str, DatabaseNode]:
    """Standbys are led by the owner of their machine; what RDS manages has no superuser."""
    own = {
        name: replace(nodes[name], dsn=lab.by_name[name].dsn(DATABASE, SUPERUSER)) for name in names
    }
    return {**nodes, **own}


def accounts(lab: Lab, node: str, tenant: str) -> int:
    return lab.value(node, "SELECT count(*) FROM account WHERE tenant_id = %s", tenant)


def test_the_masters_own_reader_takes_over_with_every_acknowledged_write(lab: Lab):
    with with_reader(lab) as operator:
        a = lab.by_name["entity-a"]
        # What Aurora's shared storage gives: no commit is acknowledged before the reader has it.
        a.configure(synchronous_standby_names="reader", synchronous_commit="remote_apply")
        a.reload()
        a.wait("SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'")
        tenant = lab.add_tenant(accounts=50)
        a.kill()
        assert promotion.promote_reader(operator, "entity-a") == "reader"
        assert accounts(lab, "reader", tenant) == 50
        lab.add_tenant("reader", accounts=1)
        assert promotion.promote_reader(operator, "entity-a") == "reader"  # promoted already


def test_a_master_that_answers_is_not_promoted_away(lab: Lab):
    with with_reader(lab) as operator:
        with pytest.raises(DeclinedError, match="entity-a answers"):
            promotion.promote_reader(operator, "entity-a")
        with pytest.raises(DeclinedError, match="entity-a answers"):
            promotion.promote_other(operator, "entity-a")
        lab.by_name["entity-a"].kill()
        with pytest.raises(DeclinedError, match="reader answers"):
            promotion.promote_other(operator, "entity-a")


def test_what_a_lost_cluster_had_not_sent_is_carried_over_when_it_is_back(lab: Lab):
    with lab.operator() as operator:
        forth = operator.link("entity-a", "entity-b")
        common = lab.add_tenant(accounts=2)
        received(operator, forth)
        replication.pause(operator, forth)
        missing = lab.add_tenant(accounts=3)
        lab.by_name["entity-a"].kill()
        assert promotion.promote_other(operator, "entity-a") == "entity-b"
        assert accounts(lab, "entity-b", common) == 2
        assert accounts(lab, "entity-b", missing) == 0
        lab.add_tenant("entity-b", accounts=1)
    lab.by_name["entity-a"].start()
    with lab.operator() as operator:
        report = reconcile(operator, "entity-a")
        assert (report["missing_transactions"], report["missing_rows"]) == (2, 4)
        assert (report["carried_over"], report["set_aside"]) == (2, [])
        assert accounts(lab, "entity-b", missing) == 3
        again = reconcile(operator, "entity-a")
        assert (again["missing_rows"], again["set_aside"]) == (4, [])
        assert accounts(lab, "entity-b", missing) == 3
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        lab.add_tenant("entity-a")  # the returned one is fenced


def test_what_meets_a_newer_write_is_set_aside_whole_with_both_sides(lab: Lab):
    """One meets it, one builds on that, one meets a key; the fourth has nothing to do with them."""
    with lab.operator() as operator:
        forth = operator.link("entity-a", "entity-b")
        common, other = lab.add_tenant(accounts=1), lab.add_tenant()
        received(operator, forth)
        lab.by_name["entity-a"].rows("CHECKPOINT")  # or a crash sets the slot back to before them
        replication.pause(operator, forth)
        rename = "UPDATE tenant SET name = %s WHERE id = %s"
        with lab.by_name["entity-a"].connect(DATABASE, ADMINISTRATOR, autocommit=False) as one:
            one.execute(rename, ("lost", common))
            one.execute("UPDATE account SET full_name = 'lost' WHERE tenant_id = %s", (common,))
        suspend = "UPDATE account SET status = 'SUSPENDED' WHERE tenant_id = %s"
        lab.rows("entity-a", suspend, common)
        lab.rows("entity-a", "INSERT INTO tenant (host, name) VALUES ('taken', 'of A')")
        lab.rows("entity-a", rename, "carried", other)
        lab.by_name["entity-a"].kill()
        assert promotion.promote_other(operator, "entity-a") == "entity-b"
    lab.rows("entity-b", rename, "newer", common)
    lab.rows("entity-b", "INSERT INTO tenant (host, name) VALUES ('taken', 'of B')")
    lab.by_name["entity-a"].start()
    with lab.operator() as operator:
        report = reconcile(operator, "entity-a")
        again = reconcile(operator, "entity-a")
    meets, builds, taken = report["set_aside"]
    assert (report["missing_transactions"], report["carried_over"]) == (4, 1)
    renamed, changed = meets["changes"]
    aside = "{} {} was written on the new master, or set aside"
    assert meets["reason"] == aside.format("tenant", renamed["key"])
    assert (renamed["key"]["id"], renamed["lost"]["name"]) == (common, "lost")
    assert json.loads(renamed["now"])["name"] == "newer"
    assert (changed["action"], changed["lost"]["full_name"]) == ("update", "lost")
    assert json.loads(changed["now"])["full_name"] == "Given1 Family1"
    assert builds["reason"] == aside.format("account", changed["key"])
    assert builds["changes"][0]["lost"]["status"] == "SUSPENDED"
    assert "duplicate key" in taken["reason"]
    assert (taken["changes"][0]["lost"]["name"], taken["changes"][0]["now"]) == ("of A", None)
    names = [name for (name,) in lab.rows("entity-b", "SELECT name FROM tenant ORDER BY name")]
    assert names == ["carried", "newer", "of B"]
    there = lab.rows("entity-b", "SELECT full_name, status FROM account")
    assert there == [("Given1 Family1", "ACTIVE")]
    assert again == report


def test_a_lost_master_is_made_anew_from_a_clone_of_the_other(lab: Lab):
    lab.by_name["entity-a"].kill()
    with lab.operator() as operator:
        promotion.promote_other(operator, "entity-a")
        tenant = lab.add_tenant("entity-b", accounts=5)
        rebuild.prepare(operator, "entity-a")
    source = lab.by_name["entity-b"]
    lab.servers.remove(lab.by_name.pop("entity-a"))
    clone = lab.servers.standby("entity-a", of=source)
    lab.add("entity-a", clone)
    later = lab.add_tenant("entity-b", accounts=7)
    clone.wait("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", _written(lab))
    clone.rows("SELECT pg_promote(true, 60)")
    with lab.operator() as operator:
        rebuild.finish(operator, "entity-a")
        after = lab.add_tenant("entity-b", accounts=1)
        received(operator, operator.link("entity-b", "entity-a"))
        assert [accounts(lab, "entity-a", one) for one in (tenant, later, after)] == [5, 7, 1]
        assert compare(operator, "entity-a", "entity-b")["equal"]
        rebuild.finish(operator, "entity-a")  # finished before: nothing changes


def _written(lab: Lab) -> str:
    return lab.value("entity-b", "SELECT pg_current_wal_flush_lsn()::text")

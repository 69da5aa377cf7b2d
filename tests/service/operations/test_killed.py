"""Every operation, killed with SIGKILL after each of its statements and run again: same end state.

Killed before a statement is killed after the one before it; a statement whose process is gone is
finished by the server, or rolled back with its transaction.
"""

from __future__ import annotations

from typing import Any

import pytest

from service.operations import promotion, replication
from service.operations.bootstrap import bootstrap
from service.operations.compare import compare
from service.operations.fence import fence, unfence
from service.operations.migrations import migrate, revert
from tests.service.operations.conftest import Lab, migrations
from tests.service.operations.killing import killed_everywhere
from tests.service.operations.story import BREAKING, received

REVERT = """
ALTER TABLE account ADD COLUMN full_name text NOT NULL DEFAULT '';
UPDATE account SET full_name = given_name || ' ' || family_name;
ALTER TABLE account DROP COLUMN given_name, DROP COLUMN family_name;
DROP TABLE device;
"""
_STATE = {
    "roles": "SELECT rolname, rolcanlogin, rolreplication FROM pg_roles ORDER BY 1",
    "rights": "SELECT relname, relacl::text FROM pg_class"
    " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'i') ORDER BY 1",
    "defaults": "SELECT defaclacl::text FROM pg_default_acl",
    "versions": "SELECT version, name, sha256 FROM operations.migration ORDER BY 1",
    "owed": "SELECT * FROM operations.advance",
    "done": "SELECT count(*) FROM operations.bootstrap",
    "clones": "SELECT count(*) FROM operations.clone",
    "published": "SELECT tablename FROM pg_publication_tables ORDER BY 1",
    "slots": "SELECT slot_name, plugin, failover FROM pg_replication_slots ORDER BY 1",
    "subscriptions": "SELECT subname, subenabled, subslotname, suborigin, subdisableonerr"
    " FROM pg_subscription ORDER BY 1",
    "subscribed": "SELECT c.relname, r.srsubstate FROM pg_subscription_rel r"
    " JOIN pg_class c ON c.oid = r.srrelid ORDER BY 1",
    "columns": "SELECT table_name, column_name, data_type FROM information_schema.columns"
    " WHERE table_schema = 'public' ORDER BY 1, 2",
}


def state(lab: Lab) -> dict[str, Any]:
    """Everything that an operation may leave different, of every node."""
    return {
        f"{node} {what}": lab.rows(node, question)
        for node, server in lab.by_name.items()
        if server.is_running
        for what, question in _STATE.items()
    }


def _fresh(servers, *names: str) -> Lab:
    lab = Lab(servers)
    lab.start(*names)
    return lab


def test_bootstrap(servers):
    names = ("entity-a", "entity-b", "follower")
    unharmed, killed = _fresh(servers, *names), _fresh(servers, *names)
    with unharmed.operator() as operator:
        bootstrap(operator, "entity")
    assert killed_everywhere(killed, lambda operator: bootstrap(operator, "entity")) > 60
    assert state(killed) == state(unharmed)
    killed.arrives("follower", killed.add_tenant())
    with killed.operator() as operator:
        bootstrap(operator, "entity")  # and once more
    assert state(killed) == state(unharmed)
    for lab in (unharmed, killed):
        for server in lab.by_name.values():
            servers.remove(server)


@pytest.fixture
def pair(servers):
    """Two systems alike: in one nothing is killed."""
    labs = [_fresh(servers, "entity-a", "entity-b") for _ in range(2)]
    for lab in labs:
        with lab.operator() as operator:
            bootstrap(operator, "entity")
            lab.rows("entity-a", "INSERT INTO tenant (id, host, name) VALUES (uuid7(), 'h', 'T')")
            lab.rows(
                "entity-a",
                "INSERT INTO account (tenant_id, login, full_name)"
                " SELECT id, n, n || ' F' FROM tenant, generate_series(1, 20) n",
            )
            received(operator, operator.link("entity-a", "entity-b"))
    yield labs
    for lab in labs:
        for server in lab.by_name.values():
            servers.remove(server)


def alike(labs: list[Lab], act) -> None:
    """The act unharmed in one system, killed everywhere in the other: the same end state."""
    unharmed, killed = labs
    with unharmed.operator() as operator:
        act(operator)
    killed_everywhere(killed, act)
    wanted = state(unharmed)
    settled(killed, wanted)
    assert state(killed) == wanted


def settled(lab: Lab, wanted: dict[str, Any]) -> None:
    """A worker that is just starting has not yet said that it reads its slot."""
    with lab.operator() as operator:
        operator.wait(lambda: state(lab) == wanted or _no_worker_starts(lab), "workers stand still")


def _no_worker_starts(lab: Lab) -> bool:
    return all(
        lab.value(node, "SELECT count(*) FROM pg_subscription WHERE subenabled")
        == lab.value(
            node, "SELECT count(*) FROM pg_stat_subscription WHERE latest_end_lsn IS NOT NULL"
        )
        for node, server in lab.by_name.items()
        if server.is_running
    )


def test_every_step_of_an_upgrade(pair, tmp_path):
    folder = migrations(tmp_path, "entity", BREAKING)
    (folder / "entity" / "0002_more.revert.sql").write_text(REVERT)

    def forth(operator):
        return operator.link("entity-a", "entity-b")

    def back(operator):
        return operator.link("entity-b", "entity-a")

    for act in (
        lambda o: fence(o, "entity-a"),
        lambda o: replication.pause(o, forth(o)),
        lambda o: replication.pause(o, back(o)),
        lambda o: migrate(o, "entity-a", folder=folder),
        lambda o: revert(o, "entity-a", to=1, folder=folder),
        lambda o: migrate(o, "entity-a", folder=folder),
        lambda o: unfence(o, "entity-a"),
        lambda o: migrate(o, "entity-b", folder=folder),
        lambda o: replication.resume(o, forth(o)),
        lambda o: replication.resume(o, back(o)),
        lambda o: promotion.move(o, "entity-b"),
        lambda o: promotion.move(o, "entity-a"),
    ):
        alike(pair, act)
    for lab in pair:
        lab.rows("entity-a", "INSERT INTO device (account_id) SELECT id FROM account")
        with lab.operator() as operator:
            received(operator, forth(operator))
            assert compare(operator, "entity-a", "entity-b")["equal"]


def test_the_other_master_takes_over(pair):
    for lab in pair:
        lab.by_name["entity-a"].kill()
    alike(pair, lambda operator: promotion.promote_other(operator, "entity-a"))
    for lab in pair:
        lab.add_tenant("entity-b")

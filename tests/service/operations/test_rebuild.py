"""A master made anew: what would leave half a copy, and what is refused."""

from __future__ import annotations

import pytest

from service.operations import promotion, rebuild
from service.operations.bootstrap import bootstrap
from service.operations.compare import compare
from service.operations.node import DeclinedError
from tests.service.operations.conftest import Lab
from tests.service.operations.story import received

SLOT = "entity_a_from_entity_b"


@pytest.fixture
def lab(servers):
    """A lost to B, which was written since; and A runs again, its subscription to B still on."""
    lab = Lab(servers)
    lab.start("entity-a", "entity-b")
    with lab.operator() as operator:
        bootstrap(operator, "entity")
        lab.by_name["entity-a"].kill()
        promotion.promote_other(operator, "entity-a")
    lab.add_tenant("entity-b", accounts=3)
    lab.by_name["entity-a"].start()
    yield lab
    for server in lab.by_name.values():
        servers.remove(server)


def alike(lab: Lab) -> bool:
    with lab.operator() as operator:
        received(operator, operator.link("entity-b", "entity-a"))
        return compare(operator, "entity-a", "entity-b")["equal"]


def test_the_old_master_beside_takes_nothing_that_its_clone_needs(lab):
    with lab.operator() as operator:
        rebuild.prepare(operator, "entity-a")
        assert lab.value("entity-a", "SELECT subenabled FROM pg_subscription") is False
        with pytest.raises(DeclinedError, match="no clone of entity-b taken since prepare"):
            rebuild.finish(operator, "entity-a")


def test_mutation_the_old_master_left_on_takes_what_its_clone_needs(lab, monkeypatch):
    monkeypatch.setattr(rebuild.replication, "switch_off", lambda *_: None)
    with lab.operator() as operator:
        rebuild.prepare(operator, "entity-a")
    lab.wait("entity-b", "SELECT active FROM pg_replication_slots WHERE slot_name = %s", SLOT)


def test_mutation_the_old_master_taken_for_a_clone_lacks_rows(lab, monkeypatch):
    with lab.operator() as operator:
        rebuild.prepare(operator, "entity-a")
        rebuild.replication.drop_subscription(operator.on("entity-a"), SLOT)
        monkeypatch.setattr(rebuild, "_clone", lambda *_: "a token")
        monkeypatch.setattr(rebuild, "_taken_at", lambda _: end(lab))
        rebuild.finish(operator, "entity-a")
    assert not alike(lab)


@pytest.mark.parametrize("linked", ["from where it was taken", "from now on"])
def test_a_clone_is_linked_from_where_it_was_taken_or_is_half_a_copy(lab, monkeypatch, linked):
    """The second is the mutation: what was written since the clone was taken is nowhere."""
    with lab.operator() as operator:
        rebuild.prepare(operator, "entity-a")
    lab.servers.remove(lab.by_name.pop("entity-a"))
    clone = lab.servers.standby("entity-a", of=lab.by_name["entity-b"])
    lab.add("entity-a", clone)
    clone.wait("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", end(lab))
    clone.rows("SELECT pg_promote(true, 60)")
    lab.add_tenant("entity-b", accounts=7)
    if linked == "from now on":
        monkeypatch.setattr(rebuild, "_taken_at", lambda _: end(lab))
    with lab.operator() as operator:
        rebuild.finish(operator, "entity-a")
    assert alike(lab) is (linked == "from where it was taken")


def end(lab: Lab) -> str:
    return lab.value("entity-b", "SELECT pg_current_wal_flush_lsn()::text")

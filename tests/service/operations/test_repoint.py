"""The follower takes the other master after its own is lost, and keeps what only it had."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from local.postgres import ADMINISTRATOR, SUPERUSER, PostgresServers
from service.operations import promotion, replication
from service.operations.bootstrap import bootstrap
from service.operations.compare import compare
from service.operations.fence import fence, unfence
from service.operations.node import DatabaseNode, DeclinedError
from service.operations.operator import Operator
from service.operations.repoint import repoint
from tests.service.operations.conftest import DATABASE, Lab
from tests.service.operations.killing import killed_everywhere
from tests.service.operations.story import received
from tests.service.operations.test_lost import as_superuser


class Followed(Lab):
    """The follower is led by the superuser of its own machine."""

    @property
    def nodes(self) -> dict[str, DatabaseNode]:
        return as_superuser(self, super().nodes, "follower")

    def rows(self, name: str, sql: str, *values: Any, user: str = "") -> list[Any]:
        return super().rows(name, sql, *values, user=user or _owner(name))

    def value(self, name: str, sql: str, *values: Any, user: str = "") -> Any:
        return super().value(name, sql, *values, user=user or _owner(name))

    def wait(self, name: str, sql: str, *values: Any) -> None:
        self.by_name[name].wait(sql, *values, database=DATABASE, user=_owner(name))


def _owner(name: str) -> str:
    """The owner of the tables: row-level security hides them from everybody else."""
    return SUPERUSER if name == "follower" else ADMINISTRATOR


@pytest.fixture
def lost(servers: PostgresServers) -> Iterator[Followed]:
    """A is lost and B has taken over. The follower has heard of A what B has not: one tenant with
    three accounts, and one account's new name. B has been written since."""
    lab = Followed(servers)
    lab.start("entity-a", "entity-b", "follower")
    with lab.operator() as operator:
        bootstrap(operator, "entity")
        lab.add_tenant(accounts=20)
        received(operator, operator.link("entity-a", "entity-b"))
        replication.pause(operator, operator.link("entity-a", "entity-b"))
        only = lab.add_tenant(accounts=3)
        lab.rows("entity-a", "UPDATE account SET full_name = 'only here' WHERE login = 'u7'")
        lab.wait("follower", "SELECT count(*) = 3 FROM account WHERE tenant_id = %s", only)
        received(operator, operator.link("entity-a", "follower"))
        lab.by_name["entity-a"].kill()
        promotion.promote_other(operator, "entity-a")
    lab.add_tenant("entity-b", accounts=5)
    yield lab
    for server in lab.by_name.values():
        servers.remove(server)


def alike(lab: Followed, operator: Operator) -> bool:
    fence(operator, "entity-b")
    received(operator, operator.link("entity-b", "follower"))
    result = compare(operator, "entity-b", "follower")
    unfence(operator, "entity-b", peer_is_lost=True)
    return result["equal"]


def only_there(lab: Followed) -> list[str]:
    """What was set aside, as people would look for it."""
    rows = lab.rows(
        "follower",
        """SELECT "table" || ' ' || coalesce(row->>'full_name', 'T') FROM operations.set_aside""",
    )
    return sorted(text for (text,) in rows)


ASIDE = sorted(
    ["tenant T", "account only here", *(f"account Given{n} Family{n}" for n in (1, 2, 3))]
)


def test_it_becomes_like_the_other_master_and_goes_on_with_it(lost: Followed, capsys):
    before = lost.rows("follower", "SELECT ctid, xmin FROM account WHERE login = 'u9'")
    with lost.operator(dry_run=True) as operator:
        repoint(operator, "entity-b")
    assert "CREATE_REPLICATION_SLOT" in capsys.readouterr().err
    assert lost.value("entity-b", "SELECT count(*) FROM pg_replication_slots") == 1
    between: list[str] = []

    def write_in_between(when: str, _: str, text: str) -> None:
        """Users do not wait: what they write behind the slot's place comes by the slot alone."""
        if when == "after" and "CREATE_REPLICATION_SLOT" in text:
            between.append(lost.add_tenant("entity-b", accounts=2))

    with lost.operator(watch=write_in_between) as operator:
        report = repoint(operator, "entity-b")
        lost.arrives("follower", between[0])
        assert report["tables"]["account"] == {"added": 5, "changed": 1, "removed": 3}
        assert report["tables"]["tenant"] == {"added": 1, "changed": 0, "removed": 1}
        assert report["set_aside"] == 5
        assert only_there(lost) == ASIDE
        lost.arrives("follower", lost.add_tenant("entity-b", accounts=4))
        assert alike(lost, operator)
        with pytest.raises(DeclinedError, match="'to' should be one of entity-a, entity-b"):
            repoint(operator, "transaction")
        again = repoint(operator, "entity-b")
        assert again == {"tables": {}, "set_aside": 5}
        assert [link.name for link in operator.links_of(subscriber="follower")] == [
            "follower_from_entity_b"
        ]
    # What was alike was not written again.
    assert (
        lost.rows("follower", "SELECT ctid, xmin FROM account WHERE login = 'u9'")[0] == before[0]
    )
    assert "Given1" not in capsys.readouterr().err  # rows are people's: none is told


def test_killed_at_every_statement_it_ends_the_same(lost: Followed):
    assert killed_everywhere(lost, lambda operator: repoint(operator, "entity-b")) > 8
    with lost.operator() as operator:
        assert alike(lost, operator)
        assert only_there(lost) == ASIDE
        link = operator.link("entity-b", "follower")
        assert replication.verify(operator, link) == []
    assert lost.rows("follower", "SELECT subname FROM pg_subscription") == [(link.name,)]
    slots = lost.rows("entity-b", "SELECT slot_name FROM pg_replication_slots ORDER BY 1")
    assert slots == [("entity_a_reconcile",), (link.name,)]

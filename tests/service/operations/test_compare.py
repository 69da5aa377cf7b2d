"""Two masters compared: what differs is named by key, and nothing else is."""

from __future__ import annotations

import uuid

from service.operations import replication
from service.operations.compare import compare, compare_in_flight
from tests.service.operations.story import received


def test_rows_in_flight_are_followed_until_each_was_alike_once(masters, operator, monkeypatch):
    """A whole comparison under writes need never be equal; each row that differed has to be."""
    masters.add_tenant(accounts=5)
    received(operator, operator.link("entity-a", "entity-b"))
    forth = operator.link("entity-a", "entity-b")
    replication.pause(operator, forth)
    late = masters.add_tenant(accounts=3)
    monkeypatch.setattr(operator, "timeout", 0.2)
    found = compare_in_flight(operator, "entity-a", "entity-b")
    assert found["equal"] is False
    assert found["tables"]["tenant"]["only_left"] == [f"({late})"]
    assert len(found["tables"]["account"]["only_left"]) == 3
    monkeypatch.setattr(operator, "timeout", 30)
    waiting = operator.wait

    def resumed(holds, what, **more):
        """What was in flight arrives while it is asked for; more is written at once."""
        replication.resume(operator, forth)
        masters.add_tenant(accounts=1)
        waiting(holds, what, **more)

    monkeypatch.setattr(operator, "wait", resumed)
    found = compare_in_flight(operator, "entity-a", "entity-b")
    assert found["equal"] is True
    assert found["tables"]["account"]["in_flight"] == 3
    assert found["tables"]["account"]["only_left"] == []
    assert "in_flight" not in found["tables"]["application"]


def test_rows_that_differ_are_named_by_their_keys(masters, operator):
    forth = operator.link("entity-a", "entity-b")
    common = masters.add_tenant(accounts=5)
    received(operator, forth)
    alike = compare(operator, "entity-a", "entity-b")
    assert alike["equal"]
    [left, right] = alike["tables"]["account"]["checksum"]
    assert left == right
    for link in operator.links_of():
        replication.pause(operator, link)
    only_left = masters.add_tenant()
    masters.rows("entity-a", "UPDATE tenant SET name = 'other' WHERE id = %s", common)
    only_right = str(uuid.uuid4())
    masters.rows(
        "entity-b", "INSERT INTO tenant (id, host, name) VALUES (%s, 'r', 'T')", only_right
    )
    result = compare(operator, "entity-a", "entity-b")
    assert result["equal"] is False
    assert result["tables"]["account"]["equal"] is True
    tenant = result["tables"]["tenant"]
    assert tenant["only_left"] == [f"({only_left})"]
    assert tenant["only_right"] == [f"({only_right})"]
    assert tenant["unlike"] == [f"({common})"]
    assert tenant["checksum"][0] != tenant["checksum"][1]
    masters.rows("entity-b", "ALTER TABLE application ADD COLUMN own_alone text")
    columns = compare(operator, "entity-a", "entity-b")["tables"]["application"]["columns"]
    assert set(columns[1]) - set(columns[0]) == {"own_alone"}

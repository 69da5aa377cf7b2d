"""After a failover of a master: each link goes on, whether the slots outlived it or not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import boto3
import pytest
from moto import mock_aws
from psycopg import sql

from functions.control_table import lock
from local.postgres import PostgresServers
from service.operations import promotion, replication
from service.operations.bootstrap import bootstrap
from service.operations.command import main
from service.operations.compare import compare
from service.operations.fence import fence, unfence
from service.operations.heal import heal, heal_unattended
from service.operations.node import DeclinedError
from service.operations.operator import Operator
from tests.service.operations.killing import killed_everywhere
from tests.service.operations.story import received
from tests.service.operations.test_repoint import Followed

A, B, L = "entity-a", "entity-b", "follower"
LINKS = ("entity_b_from_entity_a", "follower_from_entity_a", "entity_a_from_entity_b")


@pytest.fixture
def lab(servers: PostgresServers) -> Iterator[Followed]:
    lab = Followed(servers)
    lab.start(A, B, L)
    with lab.operator() as operator:
        bootstrap(operator, "entity")
    tenant = lab.add_tenant(accounts=20)
    for name in (B, L):
        lab.arrives(name, tenant)
    yield lab
    for server in lab.by_name.values():
        servers.remove(server)


def lose_slots(lab: Followed, *links: str) -> None:
    """As a new writer may be without them; its subscribers ask for them again and again."""
    with lab.operator() as operator:
        for name in links:
            link = operator.link_named(name)
            received(operator, link)
            replication.pause(operator, link)
            publisher = operator.on(link.publisher.name)
            publisher.rows("SELECT pg_drop_replication_slot(%s)", name)
            enable = sql.SQL("ALTER SUBSCRIPTION {} ENABLE").format(sql.Identifier(name))
            operator.on(link.subscriber.name).change(enable)


def write(lab: Followed) -> None:
    """Every kind of change, some of which nobody will ever be sent."""
    lab.add_tenant(accounts=3)
    lab.rows(A, "UPDATE account SET full_name = 'changed' WHERE login = 'u7'")
    lab.rows(A, "DELETE FROM account WHERE login = 'u9'")


def alike(lab: Followed, operator: Operator) -> bool:
    """Whether all hold the same, and later writes arrive, without one that is sent back to A."""
    lab.rows(A, "UPDATE account SET full_name = 'later' WHERE login = 'u1'")
    fence(operator, A)
    for name in LINKS:
        received(operator, operator.link_named(name))
    found = [compare(operator, A, other)["equal"] for other in (B, L)]
    assert lab.value(A, "SELECT full_name FROM account WHERE login = 'u1' LIMIT 1") == "later"
    unfence(operator, A)
    return all(found) and not any(
        replication.verify(operator, operator.link_named(name)) for name in LINKS
    )


@pytest.mark.parametrize("gone", [LINKS[:2], LINKS[:1], LINKS[1:2], LINKS[2:], LINKS])
def test_a_link_whose_slot_is_gone_is_made_anew(lab: Followed, gone: tuple[str, ...]):
    lose_slots(lab, *gone)
    write(lab)
    with lab.operator() as operator:
        found = heal(operator)
        for name in LINKS:
            wanted = ("gone", "made anew") if name in gone else ("kept", "nothing")
            assert (found[name]["slot"], found[name]["done"]) == wanted
        for name in {*gone} & {*LINKS[:2]}:
            assert found[name]["rows"]["account"] == {"added": 3, "changed": 1, "removed": 1}
        assert alike(lab, operator)
        again = heal(operator)
        assert {link["done"] for link in again.values()} == {"nothing"}


def switch_off(operator: Operator, name: str) -> None:
    """As PostgreSQL itself does at an error, such as a publisher killed in a change."""
    off = sql.SQL("ALTER SUBSCRIPTION {} DISABLE").format(sql.Identifier(name))
    operator.on(operator.link_named(name).subscriber.name).change(off)


def test_a_slot_that_was_kept_goes_on_and_one_that_was_switched_off_is_resumed(lab: Followed):
    with lab.operator() as operator:
        switch_off(operator, LINKS[0])
        write(lab)
        found = heal(operator)
        assert found[LINKS[0]] == {"slot": "kept", "subscription": "off", "done": "resumed"}
        assert alike(lab, operator)


def test_a_follower_that_does_not_answer_holds_up_no_master(lab: Followed):
    lose_slots(lab, LINKS[0])
    write(lab)
    lab.by_name[L].stop()
    with lab.operator() as operator:
        found = heal(operator)
        assert found[LINKS[0]]["done"] == "made anew"
        assert "error" in found[LINKS[1]]
        assert compare(operator, A, B)["equal"]


def test_what_somebody_paused_is_left_paused_until_it_is_resumed(lab: Followed):
    with lab.operator() as operator:
        paused = operator.link_named(LINKS[0])
        replication.pause(operator, paused)
        write(lab)
        for unattended in (False, True):
            found = heal(operator, unattended=unattended)
            assert found[LINKS[0]]["done"] == "left paused"
        replication.resume(operator, paused)
        switch_off(operator, LINKS[0])  # and later by an error
        assert heal(operator, unattended=True)[LINKS[0]]["done"] == "resumed"
        assert alike(lab, operator)


def test_unattended_a_paused_link_whose_slot_is_gone_waits_for_a_person(lab: Followed):
    with lab.operator() as operator:
        replication.pause(operator, operator.link_named(LINKS[0]))
        operator.on(A).rows("SELECT pg_drop_replication_slot(%s)", LINKS[0])
        assert heal(operator, unattended=True)[LINKS[0]]["done"] == "left paused"
        assert heal(operator)[LINKS[0]]["done"] == "made anew"
        assert alike(lab, operator)


def test_unattended_it_is_tried_until_the_new_writer_is_there(lab: Followed):
    """Right after the event no server may take writes yet."""
    lose_slots(lab, *LINKS[:2])
    write(lab)
    with lab.operator() as other:
        fence(other, A)

    def writer_is_there() -> None:
        with lab.operator() as another:
            unfence(another, A)

    opened = threading.Timer(1, writer_is_there)
    opened.start()
    with lab.operator() as operator:
        found = heal_unattended(operator)
        opened.join()
        assert [found[name]["done"] for name in LINKS] == ["made anew", "made anew", "nothing"]
        assert alike(lab, operator)


def test_unattended_it_ends_with_what_is_in_the_way(lab: Followed):
    with lab.operator(timeout=0.5) as operator:
        fence(operator, A)
        with pytest.raises(DeclinedError, match="one master should take writes"):
            heal_unattended(operator)
        unfence(operator, A)
    lab.by_name[L].stop()
    with lab.operator(timeout=0.5) as operator:
        assert "error" in heal_unattended(operator)[LINKS[1]]


def test_unattended_it_is_refused_while_somebody_holds_the_lock(monkeypatch, capsys):
    """An upgrade pauses and resumes by itself, and so does a person who took the lock."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    variables = {"AWS_REGION": "us-east-1", "CONTROL_TABLE": "control", "ENTITY_A_USER": "x"}
    for name, value in {**variables, "ENTITY_A_HOST": "127.0.0.1", "ENTITY_A_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        dynamodb = boto3.client("dynamodb", region_name="us-east-1")
        keys = {"pk": "HASH", "sk": "RANGE"}
        dynamodb.create_table(
            TableName="control",
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        lock.acquire(dynamodb, "control", holder="upgrade 7", token="t", at=datetime.now(UTC))
        assert main(["heal", "--unattended"]) == 1
    assert "upgrade 7 holds the lock" in capsys.readouterr().out


def test_killed_at_every_statement_it_ends_the_same(lab: Followed):
    lose_slots(lab, *LINKS)
    write(lab)
    assert killed_everywhere(lab, heal) > 12
    with lab.operator() as operator:
        assert alike(lab, operator)


def test_it_is_refused_where_it_would_heal_over_a_loss(lab: Followed):
    with lab.operator() as operator:
        fence(operator, A)
        with pytest.raises(DeclinedError, match="one master should take writes, got none"):
            heal(operator)
        unfence(operator, A)
        lab.by_name[A].kill()
        promotion.promote_other(operator, A)
    lab.by_name[A].start()
    with (
        lab.operator() as operator,
        pytest.raises(DeclinedError, match="reconcile entity-a"),
    ):
        heal(operator)

"""Statements that began before a fence, or hold a table's lock: waited for, and not held up."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import date, timedelta

import psycopg
import pytest

from local.postgres import ADMINISTRATOR, PostgresServers
from service.operations import partitions, slots
from service.operations.bootstrap import bootstrap
from service.operations.fence import fence
from service.operations.migrations import migrate
from service.operations.operator import Operator
from tests.service.operations.conftest import DATABASE, Lab, migrations
from tests.service.operations.story import received

A, B = "entity-a", "entity-b"
# It has its rights and its lock, and for a second no row and so no id.
SLOW = """
INSERT INTO account (tenant_id, login, full_name)
SELECT current_tenant(), 'slow', 'x' FROM (SELECT pg_sleep(1)) AS first
"""
ONLY_IDS = """
SELECT pid, usename FROM pg_stat_activity
WHERE datname = current_database() AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()
"""


@pytest.fixture
def operator(masters: Lab, fenced_as_at_first: None) -> Iterator[Operator]:
    with masters.operator() as operator:
        yield operator


@pytest.fixture
def slow(masters: Lab) -> Iterator[threading.Thread]:
    """A statement of the application that is in its first second."""
    tenant = masters.add_tenant()

    def run() -> None:
        with masters.by_name[A].connect(DATABASE, "app_writer") as client:
            client.execute("SELECT set_config('app.tenant', %s, false)", (tenant,))
            client.execute(SLOW)

    thread = threading.Thread(target=run)
    thread.start()
    masters.wait(A, "SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '%%first\n'")
    yield thread
    thread.join()
    masters.rows(A, "DELETE FROM account WHERE login = 'slow'")
    with masters.operator() as operator:
        received(operator, operator.link(A, B))


def written(masters: Lab, node: str) -> int:
    return masters.value(node, "SELECT count(*) FROM account WHERE login = 'slow'")


def test_drained_is_said_when_a_statement_that_straddles_the_fence_is_everywhere(
    masters: Lab, operator: Operator, slow: threading.Thread
):
    fence(operator, A)
    assert written(masters, A) == 0
    slots.drain(operator, A)
    assert written(masters, A) == written(masters, B) == 1


def test_mutation_who_has_an_id_is_not_all_who_may_write(
    masters: Lab, operator: Operator, slow: threading.Thread, monkeypatch
):
    monkeypatch.setattr(slots, "_WRITING", ONLY_IDS)
    fence(operator, A)
    slots.drain(operator, A)
    assert written(masters, A) == 0, "drained, and a write is still to come"


def test_it_is_ended_where_it_takes_too_long(masters: Lab, operator: Operator):
    """Before it has written anything, which its caller is told."""
    tenant = masters.add_tenant()
    client = masters.by_name[A].connect(DATABASE, "app_writer", autocommit=False)
    client.execute("SELECT set_config('app.tenant', %s, false)", (tenant,))
    client.execute("LOCK TABLE account IN ROW EXCLUSIVE MODE")
    fence(operator, A)
    slots.drain(operator, A, terminate_after=0.2)
    with pytest.raises(psycopg.errors.AdminShutdown):
        client.execute("SELECT 1")


def test_a_subscriber_that_does_not_get_on_is_named_with_both_places(masters: Lab):
    with (
        masters.by_name[B].connect(DATABASE, ADMINISTRATOR, autocommit=False) as holding,
        masters.operator(timeout=1) as operator,
    ):
        holding.execute("LOCK TABLE tenant IN ACCESS EXCLUSIVE MODE")
        masters.rows(A, "INSERT INTO tenant (host, name) VALUES ('held up', 'T')")
        fence(operator, A)
        with pytest.raises(TimeoutError, match=r"has confirmed \w+/\w+, and entity-a .* \w+/\w+$"):
            slots.drain(operator, A)


# ---------------------------------------------------------------- the store that takes writes


@pytest.fixture(scope="module")
def audit(servers: PostgresServers) -> Lab:
    lab = Lab(servers)
    lab.start("transaction")
    with lab.operator() as operator:
        bootstrap(operator, "transaction")
        partitions.make_partitions(operator, "transaction", today=date.today(), months=1)
    return lab


WRITE = "INSERT INTO event (id, at, tenant_id, kind, outcome) SELECT u, now(), u, 'k', 'o' FROM"
WRITE += " gen_random_uuid() AS u"


def longest_write(audit: Lab, work: threading.Thread) -> float:
    """The longest that a write of the application took while the work was done, in seconds."""
    longest = 0.0
    with audit.by_name["transaction"].connect(DATABASE, ADMINISTRATOR) as client:
        while work.is_alive():
            began = time.monotonic()
            client.execute(WRITE)
            longest = max(longest, time.monotonic() - began)
    return longest


@pytest.mark.parametrize("what", ["migrate", "make", "detach"])
def test_writers_pass_while_a_change_of_their_table_waits_for_one_of_them(
    audit: Lab, tmp_path, what: str
):
    folder = migrations(tmp_path, "transaction", "ALTER TABLE event ADD COLUMN more text")

    def work() -> None:
        with audit.operator(timeout=30) as operator:
            if what == "migrate":
                migrate(operator, "transaction", folder=folder)
            elif what == "make":
                partitions.make_partitions(operator, "transaction", today=date.today(), months=4)
            else:  # as if a year had passed
                partitions.detach_partitions(
                    operator,
                    "transaction",
                    today=date.today() + timedelta(days=365),
                    keep_months=2,
                )

    changing = threading.Thread(target=work)
    with audit.by_name["transaction"].connect(DATABASE, autocommit=False) as holding:
        holding.execute(WRITE)
        ends = threading.Timer(4, holding.commit)
        changing.start()
        ends.start()
        assert longest_write(audit, changing) < 2.5
        ends.join()
    changing.join()
    if what == "migrate":
        assert audit.value("transaction", "SELECT max(version) FROM operations.migration") == 3
    else:
        children = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'event'::regclass"
        assert audit.value("transaction", children) == (6 if what == "make" else 1)

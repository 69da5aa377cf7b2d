"""What `reconcile` leaves on the new master is what the true order of all writes gives, or listed.

In each round a master is killed after a history of which any prefix had arrived, with or without a
checkpoint in it: without one, its slot begins again with transactions that arrived long ago.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import sql

from local.postgres import ADMINISTRATOR, PostgresServers
from service.operations import promotion, replication, slots
from service.operations import reconcile as reconciliation
from service.operations.bootstrap import bootstrap
from service.operations.changes import Transaction
from service.operations.node import DeclinedError
from service.operations.promotion import Promotion
from service.operations.reconcile import missing_of, reconcile
from tests.service.operations.conftest import DATABASE, Lab
from tests.service.operations.histories import Histories, rows_of, set_aside
from tests.service.operations.story import received

A, B = "entity-a", "entity-b"
ROUNDS, LANES = 12, 10  # 120 histories
REFUSED_ROUNDS = 6  # and 60 where the platform does not let the origin's progress be read


@pytest.fixture
def lab(servers: PostgresServers) -> Iterator[Lab]:
    made = Lab(servers)
    made.start(A, B)
    with made.operator() as operator:
        bootstrap(operator, "entity")
    yield made
    for server in made.by_name.values():
        servers.remove(server)


def pause(lab: Lab) -> None:
    """From now on B receives nothing."""
    with lab.operator() as operator:
        replication.pause(operator, operator.link(A, B))


def arrive(lab: Lab) -> None:
    with lab.operator() as operator:
        received(operator, operator.link(A, B))


def promote_b(lab: Lab) -> None:
    lab.by_name[A].kill()
    with lab.operator() as operator:
        promotion.promote_other(operator, A)


def reconciled(lab: Lab) -> dict:
    lab.by_name[A].start()
    with lab.operator() as operator:
        report = reconcile(operator, A)
        assert reconcile(operator, A) == report
    return report


def refuse_progress(lab: Lab) -> None:
    """As a platform may, whose administrator is no superuser."""
    lab.by_name[B].rows(
        "REVOKE EXECUTE ON FUNCTION pg_replication_origin_progress(text, boolean)"
        " FROM administrator",
        database=DATABASE,
    )


@pytest.mark.parametrize(
    ("known_by", "seed"),
    [
        *(("origin", seed) for seed in range(ROUNDS)),
        *(("commit times", seed) for seed in range(ROUNDS, ROUNDS + REFUSED_ROUNDS)),
    ],
)
def test_every_row_is_as_the_true_order_leaves_it_or_is_listed(lab: Lab, known_by: str, seed: int):
    if known_by == "commit times":
        refuse_progress(lab)
    histories = Histories(seed, LANES)
    chance = histories.random
    with lab.by_name[A].connect(DATABASE, ADMINISTRATOR) as a:
        histories.begin(a)
        histories.write(a, chance.randrange(5, 40))
        if chance.random() < 0.5:
            a.execute("CHECKPOINT")
        histories.write(a, chance.randrange(0, 40))
        if chance.random() < 0.7:  # else whatever is on its way arrives or not
            arrive(lab)
            pause(lab)
        histories.write(a, chance.randrange(1, 60))
    promote_b(lab)
    before = {lane.id: lane.row for lane in histories.lanes}
    with lab.by_name[B].connect(DATABASE, ADMINISTRATOR) as b:
        found = rows_of(b, histories.tenant)
        newer = set(chance.sample(range(LANES), chance.randrange(0, LANES // 2)))
        for number in newer:
            lane = histories.lanes[number]
            lane.become(found.get(lane.id))
            histories.write_lanes(b, [lane])
    report = reconciled(lab)
    assert report["arrived_by"] == known_by
    with lab.by_name[B].connect(DATABASE, ADMINISTRATOR) as b:
        after = rows_of(b, histories.tenant)
    listed = set_aside(report)
    for number, lane in enumerate(histories.lanes):
        if number in newer:
            assert after.get(lane.id) == lane.row, "a newer write is never undone"
            assert lane.id in listed or found.get(lane.id) == before[lane.id]
        else:
            assert after.get(lane.id) == before[lane.id] or lane.id in listed
    if not newer:
        assert report["set_aside"] == []


def test_changes_that_return_to_the_value_at_the_beginning_are_missing_too(lab: Lab):
    """Both revocations were acknowledged, and none had arrived."""
    tenant = lab.add_tenant(accounts=1)
    arrive(lab)
    lab.by_name[A].rows("CHECKPOINT")
    pause(lab)
    for role in ("ADMIN", "USER"):
        lab.rows(A, "UPDATE account SET role = %s WHERE tenant_id = %s", role, tenant)
    insert = "INSERT INTO account (tenant_id, login, full_name) VALUES (%s, 'intruder', 'x')"
    lab.rows(A, insert, tenant)
    lab.rows(A, "DELETE FROM account WHERE login = 'intruder'")
    promote_b(lab)
    report = reconciled(lab)
    assert (report["missing_transactions"], report["carried_over"]) == (4, 4)
    assert lab.rows(B, "SELECT login, role FROM account") == [("u1", "USER")]


@pytest.mark.parametrize("through", ["arrived", "led past", "arrived, by commit times"])
def test_what_is_there_already_is_not_applied_again(lab: Lab, through: str):
    """A crash sets the slot back to before changes that arrived, or that it was led past."""
    if through == "arrived, by commit times":
        refuse_progress(lab)
    tenant = lab.add_tenant(accounts=1)
    arrive(lab)
    lab.by_name[A].rows("CHECKPOINT")
    change = "UPDATE account SET password_hash = %s, role = %s WHERE tenant_id = %s"
    values = [("leaked", "ADMIN"), ("new", "USER")]
    for value in values:
        lab.rows(A, change, *value, tenant)
    arrive(lab)
    if through == "led past":  # as after a migration, which B runs itself
        with lab.operator() as operator:
            forth = operator.link(A, B)
            replication.pause(operator, forth)
            lab.rows(A, "UPDATE tenant SET name = 'migrated'")
            slots.set_floor(operator.on(A), forth.name, sql.SQL("pg_current_wal_lsn()"))
    promote_b(lab)
    report = reconciled(lab)
    assert report["missing_transactions"] == 0
    assert lab.rows(B, "SELECT role, password_hash FROM account") == [("USER", "new")]
    assert lab.value(B, "SELECT name FROM tenant") == "T"


def test_a_row_that_is_not_there_is_listed_and_not_passed_over(lab: Lab):
    """As when a person changed it where nothing remembers it."""
    tenant = lab.add_tenant(accounts=1)
    arrive(lab)
    pause(lab)
    lab.rows(A, "UPDATE account SET full_name = 'lost' WHERE tenant_id = %s", tenant)
    with lab.operator() as operator, contextlib.suppress(psycopg.Error):
        operator.on(B).change("DELETE FROM account")
    promote_b(lab)
    report = reconciled(lab)
    [aside] = report["set_aside"]
    assert "is not on the new master" in aside["reason"]
    assert aside["changes"][0]["lost"]["full_name"] == "lost"
    kept = lab.value(B, "SELECT set_aside FROM operations.reconciled")
    assert kept == aside


@pytest.mark.parametrize("gone", ["progress", "memory"])
def test_without_a_record_nothing_is_applied_and_everything_is_listed(lab: Lab, gone: str):
    """A platform may keep from us how far it had arrived, or lose a slot in a failover."""
    lab.add_tenant(accounts=1)
    arrive(lab)
    pause(lab)
    lab.rows(A, "UPDATE account SET full_name = 'lost'")
    if gone == "progress":
        refuse_progress(lab)
        lab.by_name[B].configure(track_commit_timestamp="off")
        lab.by_name[B].stop()
        lab.by_name[B].start()
        with lab.operator() as operator:
            problems = replication.verify(operator, operator.link(A, B))
        assert any("nothing could be carried over" in problem for problem in problems)
    promote_b(lab)
    if gone == "memory":
        lab.rows(B, "SELECT pg_drop_replication_slot('entity_a_reconcile')")
        with lab.operator() as operator:
            promotion.promote_other(operator, A)  # run again, it makes no memory that lacks some
    report = reconciled(lab)
    assert report["carried_over"] == 0
    assert len(report["set_aside"]) == report["missing_transactions"] > 0
    assert lab.value(B, "SELECT full_name FROM account") == "Given1 Family1"


def test_by_commit_times_two_of_the_same_microsecond_are_told_apart_by_nobody():
    """The last that surely arrived ends the prefix; what may have arrived behind it is doubtful."""
    at = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=n) for n in range(9)]

    def missing(times: list[int], arrived: set[int]) -> tuple[list[int], set[str]]:
        held = [
            Transaction(commit_lsn=f"0/{place}", committed_at=at[time])
            for place, time in enumerate(times)
        ]
        commits = frozenset(at[time] for time in arrived)
        promoted = Promotion(id=1, lost=A, arrived=None, commits=commits)
        behind, doubtful = missing_of(held, promoted)
        return [int(one.commit_lsn[2:]) for one in behind], doubtful

    assert missing([1, 2, 3, 4], {1, 2}) == ([2, 3], set())
    assert missing([2, 1, 4, 3], {1, 2, 4}) == ([3], set())  # clocks need not follow the log
    assert missing([5, 6], {1, 2}) == ([0, 1], set())  # it begins behind all that arrived
    assert missing([1, 2, 2, 3], {1, 2}) == ([1, 2, 3], {"0/1", "0/2"})
    assert missing([1, 2, 3, 2], {1, 2, 3}) == ([3], {"0/3"})


def test_another_version_is_migrated_first(lab: Lab):
    pause(lab)
    promote_b(lab)
    lab.rows(B, "INSERT INTO operations.migration (version, name, sha256) VALUES (9, 'x', 'x')")
    lab.by_name[A].start()
    with (
        lab.operator() as operator,
        pytest.raises(DeclinedError, match="migrate entity-b first"),
    ):
        reconcile(operator, A)


def test_a_write_that_comes_while_it_carries_over_is_newer(lab: Lab, monkeypatch):
    """Between two batches, and in the middle of one, where it has to wait."""
    tenant = lab.add_tenant(accounts=2)
    arrive(lab)
    pause(lab)
    change = "UPDATE account SET full_name = %s WHERE login = %s"
    for login in ("u1", "u2"):
        lab.rows(A, change, "lost", login)
    promote_b(lab)
    lab.by_name[A].start()
    monkeypatch.setattr(reconciliation, "_BATCH", 1)
    writing: list[threading.Thread] = []

    def watch(when: str, node: str, text: str) -> None:
        if when == "before" and text.startswith("UPDATE of account") and not writing:
            for login in ("u1", "u2"):
                thread = threading.Thread(target=lab.rows, args=(B, change, "newer", login))
                thread.start()
                writing.append(thread)
            lab.wait(B, "SELECT count(*) = 2 FROM pg_locks WHERE NOT granted")

    with lab.operator(watch=watch) as operator:
        report = reconcile(operator, A)
    for thread in writing:
        thread.join()
    assert (report["carried_over"], len(report["set_aside"])) == (1, 1)
    names = lab.rows(B, "SELECT full_name FROM account WHERE tenant_id = %s", tenant)
    assert names == [("newer",), ("newer",)]


def test_events_that_both_masters_sent_are_no_conflict(lab: Lab):
    """One had arrived, and each master took it out of its outbox; one comes with its write."""
    tenant = lab.add_tenant(accounts=1)
    add = (
        "SELECT set_config('app.event', jsonb_build_object('id', uuid7(), 'detail', '{}'::jsonb)"
        "::text, true); UPDATE account SET full_name = '%s'"
    )
    lab.rows(A, add % "arrived")
    arrive(lab)
    pause(lab)
    lab.rows(A, "DELETE FROM outbox")
    lab.rows(A, add % "missing")
    promote_b(lab)
    assert lab.value(B, "SELECT count(*) FROM outbox") == 1
    lab.rows(B, "DELETE FROM outbox")
    report = reconciled(lab)
    assert (report["carried_over"], report["set_aside"]) == (1, [])
    events = lab.rows(
        B, "SELECT event -> 'detail' -> 'new' FROM outbox WHERE tenant_id = %s", tenant
    )
    assert len(events) == 1

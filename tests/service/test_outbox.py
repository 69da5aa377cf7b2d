"""Audit events of writes: in one transaction with them, through a killed process, each once."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from local.one_machine import DATABASE, OneMachine, Process
from local.postgres.server import SUPERUSER
from local.waiting import wait_until
from service.operations.node import READER, WRITER
from tests.service.conftest import PASSWORD, Tenant, mode_of

NOWHERE = "http://127.0.0.1:9/queue"


@pytest.fixture
def cut_off(machine: OneMachine) -> Iterator[Process]:
    """A process of the API whose queue is away."""
    process = machine.api(EVENTS_QUEUE_URL=NOWHERE)
    wait_until(lambda: mode_of(process) == "READ_WRITE", "READ_WRITE")
    yield process
    process.kill()


@pytest.fixture
def own(machine: OneMachine, api: Process) -> Tenant:
    return Tenant(machine, api, f"o{uuid.uuid4().hex[:12]}")


def _made(tenant: Tenant, token: str, **more: Any) -> str:
    given = {"login": f"{uuid.uuid4().hex}@x", "fullName": "X", "password": PASSWORD}
    answer = tenant.ask("POST", "/api/v1/users", given, token=token, **more)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def _events(tenant: Tenant) -> list[tuple[str, dict[str, Any]]]:
    """Return kind and detail of the tenant's events about users, in the order of their writes."""
    return tenant.machine.databases["transaction"].rows(
        "SELECT kind, detail FROM event WHERE tenant_id = %s AND kind LIKE 'user.%%' ORDER BY id",
        tenant.id,
        database=DATABASE,
    )


def _waiting(tenant: Tenant) -> int:
    [(count,)] = tenant.machine.databases["entity-a"].rows(
        "SELECT count(*) FROM outbox WHERE tenant_id = %s", tenant.id, database=DATABASE
    )
    return count


def test_the_event_of_a_write_outlives_a_process_that_is_killed_before_it_could_send_it(
    own: Tenant, cut_off: Process
):
    token = own.log_in(own.admin)
    user = _made(own, token, api=cut_off)
    change = {"role": "ADMIN", "status": "SUSPENDED"}
    path = f"/api/v1/users/{user}"
    assert own.ask("PATCH", path, change, token=token, api=cut_off).status_code == 200
    assert own.ask("DELETE", path, token=token, api=cut_off).status_code == 204
    cut_off.kill()
    found = wait_until(lambda: f if len(f := _events(own)) == 3 else None, "three events")
    assert [kind for kind, _ in found] == ["user.create", "user.change", "user.remove"]
    assert {detail["user"] for _, detail in found} == {user}
    (_, made), (_, changed), (_, removed) = found
    assert made["old"] == removed["new"] == {}
    assert changed["old"] == made["new"]
    assert made["new"] | change == changed["new"] == removed["old"]
    wait_until(lambda: _waiting(own) == 0, "an empty outbox")


def test_an_event_that_is_sent_twice_is_one_row(own: Tenant):
    token = own.log_in(own.admin)
    _made(own, token)
    wait_until(lambda: len(_events(own)) == 1, "the event")
    wait_until(lambda: _waiting(own) == 0, "an empty outbox")
    [row] = own.events(token, event="user.create")
    event = {
        "id": row["uuid"],
        "at": row["published"],
        "tenant_id": own.id,
        "kind": "user.create",
        "outcome": "success",
    }
    own.machine.databases["entity-a"].rows(
        "INSERT INTO outbox (id, tenant_id, event) VALUES (%s, %s, %s)",
        *(row["uuid"], own.id, json.dumps(event)),
        database=DATABASE,
    )
    wait_until(lambda: _waiting(own) == 0, "an empty outbox again")
    _made(own, token)
    wait_until(lambda: len(_events(own)) == 2, "the event of a later write, and no other")


def test_a_write_that_is_refused_leaves_no_event_of_it(own: Tenant, cut_off: Process):
    token = own.log_in(own.admin)
    me = own.ask("GET", "/api/v1/sessions/me", token=token).json()["userId"]
    last = own.ask("DELETE", f"/api/v1/users/{me}", token=token, api=cut_off)
    taken = {"login": own.user, "fullName": "X"}
    again = own.ask("POST", "/api/v1/users", taken, token=token, api=cut_off)
    unknown = own.ask("DELETE", f"/api/v1/users/{uuid.uuid4()}", token=token, api=cut_off)
    assert [each.status_code for each in (last, again, unknown)] == [409, 409, 404]
    assert _waiting(own) == 0


def test_a_write_whose_event_cannot_be_kept_is_not_made(own: Tenant):
    """One transaction holds both: without the right to write the outbox nothing is written."""
    token = own.log_in(own.admin)
    server = own.machine.databases["entity-a"]
    server.rows(f"REVOKE INSERT ON outbox FROM {WRITER}", database=DATABASE)
    login = f"{uuid.uuid4().hex}@x"
    try:
        given = {"login": login, "fullName": "X", "password": PASSWORD}
        assert own.ask("POST", "/api/v1/users", given, token=token).status_code >= 500
    finally:
        server.rows(f"GRANT INSERT ON outbox TO {WRITER}", database=DATABASE)
    assert server.rows("SELECT FROM account WHERE login = %s", login, database=DATABASE) == []


def test_the_other_master_has_the_outbox_too(own: Tenant, cut_off: Process):
    """What a lost master had not sent, the promoted one sends."""
    token = own.log_in(own.admin)
    one, other = (own.machine.databases[name] for name in ("entity-a", "entity-b"))
    mine = "outbox WHERE tenant_id = %s"

    with one.connect(DATABASE, SUPERUSER) as connection:

        def held() -> bool:
            """Make an event that nobody can take out of the outbox meanwhile."""
            _made(own, token, api=cut_off)
            return bool(
                connection.execute(f"SELECT FROM {mine} FOR UPDATE".encode(), (own.id,)).fetchall()
            )

        with connection.transaction():
            wait_until(held, "an event before another process sent it")
            other.wait(f"SELECT count(*) > 0 FROM {mine}", own.id, database=DATABASE)
    for server in (one, other):
        server.wait(f"SELECT count(*) = 0 FROM {mine}", own.id, database=DATABASE)


@pytest.mark.parametrize("role", [WRITER, READER])
def test_no_tenant_sees_the_outbox_of_another(machine: OneMachine, role: str):
    dsn = machine.databases["entity-a"].dsn(DATABASE, role)
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT * FROM outbox").fetchall() == []
        connection.execute("SELECT set_config('app.outbox', 'empty', true)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(
                "INSERT INTO outbox (id, tenant_id, event) VALUES (%(id)s, %(id)s, '{}')",
                {"id": uuid.uuid4()},
            )

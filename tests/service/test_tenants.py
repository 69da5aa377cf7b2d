"""Tenants do not see each other: by the database's own rules, and by everything one may ask."""

from __future__ import annotations

import contextlib
import re
import socket
import uuid
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.one_machine import DATABASE, DOMAIN, OneMachine
from service.operations.node import APPLICATION_ROLES
from tests.service.conftest import PASSWORD, Tenant

_SETTINGS = {
    "max_examples": 25,
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "database": None,
    "derandomize": True,
}


@pytest.fixture(scope="module")
def other(machine: OneMachine, _processes: Any) -> Tenant:
    return Tenant(machine, _processes, f"o{uuid.uuid4().hex[:12]}")


@pytest.fixture(scope="module")
def their(other: Tenant) -> dict[str, str]:
    """What the other tenant has: ids, logins and tokens."""
    admin = other.log_in(other.admin)
    users = other.ask("GET", "/api/v1/users", token=admin).json()
    apps = other.ask("GET", "/api/v1/apps", token=admin).json()
    return {
        "user": users[0]["id"],
        "login": users[0]["login"],
        "application": apps[0]["id"],
        "token": other.log_in(),
        "admin": admin,
        "tenant": other.id,
    }


@pytest.mark.parametrize("store", ["entity-a", "entity-b", "transaction"])
def test_every_table_that_the_application_may_read_has_row_level_security(
    machine: OneMachine, store: str
):
    unguarded = machine.databases[store].rows(
        "SELECT c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p')"
        " AND c.relnamespace = 'public'::regnamespace AND NOT c.relrowsecurity",
        database=DATABASE,
    )
    assert unguarded == []
    powers = machine.databases[store].rows(
        "SELECT rolname FROM pg_roles r WHERE rolname = ANY (%s) AND (rolsuper OR rolbypassrls"
        " OR EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid))",
        list(APPLICATION_ROLES),
        database=DATABASE,
    )
    assert powers == []


@pytest.mark.parametrize("role", APPLICATION_ROLES)
def test_without_a_tenant_nothing_is_there_and_with_one_its_own_alone(
    machine: OneMachine, tenant: Tenant, other: Tenant, role: str
):
    dsn = machine.databases["entity-a"].dsn(DATABASE, role)
    with psycopg.connect(dsn) as connection:
        for table in ("tenant", "account", "application"):
            assert connection.execute(f"SELECT * FROM {table}".encode()).fetchall() == []
        connection.execute("SELECT set_config('app.tenant', %s, true)", (tenant.id,))
        found = connection.execute("SELECT DISTINCT tenant_id::text FROM account").fetchall()
        assert found == [(tenant.id,)]
        connection.rollback()
        # The setting ends with its transaction: the next one of a pooled connection has none.
        assert connection.execute("SELECT * FROM account").fetchall() == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE account SET tenant_id = %(theirs)s",
        "INSERT INTO account (tenant_id, login, full_name) VALUES (%(theirs)s, 'x', 'x')",
        "INSERT INTO tenant (id, host, name) VALUES (uuid7(), 'stolen', 'x')",
        "UPDATE tenant SET id = uuid7()",
    ],
)
def test_no_statement_of_a_tenant_writes_a_row_of_another(
    machine: OneMachine, tenant: Tenant, other: Tenant, statement: str
):
    dsn = machine.databases["entity-a"].dsn(DATABASE, "app_writer")
    with psycopg.connect(dsn) as connection:
        connection.execute("SELECT set_config('app.tenant', %s, true)", (tenant.id,))
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            connection.execute(statement.encode(), {"theirs": other.id})


def test_a_partition_shows_nothing_past_its_table(machine: OneMachine, tenant: Tenant):
    dsn = machine.databases["transaction"].dsn(DATABASE, "app_reader")
    with psycopg.connect(dsn) as connection:
        connection.execute("SELECT set_config('app.tenant', %s, true)", (tenant.id,))
        partitions = connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'event'::regclass"
        ).fetchall()
        assert partitions
        for (name,) in partitions:
            assert connection.execute(f"SELECT * FROM {name}".encode()).fetchall() == []


def test_a_token_is_none_at_another_host(tenant: Tenant, other: Tenant, their: dict[str, str]):
    for token in (their["token"], their["admin"]):
        assert tenant.ask("GET", "/api/v1/sessions/me", token=token).status_code == 401
        assert other.ask("GET", "/api/v1/sessions/me", token=token).status_code == 200
        worth = tenant.ask(
            "POST", "/oauth2/v1/introspect", headers=tenant.basic(), data={"token": token}
        )
        assert worth.json() == {"active": False}
        tenant.ask("POST", "/oauth2/v1/revoke", headers=tenant.basic(), data={"token": token})
        assert other.ask("GET", "/api/v1/sessions/me", token=token).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["", "nobody", "a.b", f"x.y.{DOMAIN}", f"nobody.{DOMAIN}", DOMAIN, f"-.{DOMAIN}", "é"],
)
def test_a_host_of_no_tenant_is_none(tenant: Tenant, admin: str, host: str):
    answer = tenant.ask(
        "GET", "/api/v1/users", token=admin, host=host.encode("utf-8").decode("latin-1")
    )
    assert answer.status_code in (400, 404)


def test_a_client_that_asks_for_tenants_that_are_none_starves_no_tenant(
    machine: OneMachine, tenant: Tenant
):
    """Each such host is a question to the store, before anybody is known."""
    own, answers = machine.api(), b""

    def asked(host: str) -> str:
        return f"GET /api/v1/users HTTP/1.1\r\nHost: {host}.{DOMAIN}\r\nX-Real-IP: 203.0.113.9\r\n"

    try:
        with contextlib.ExitStack() as ends:
            flood = [
                ends.enter_context(socket.create_connection(("127.0.0.1", own.port), timeout=60))
                for _ in range(300)
            ]
            for number, each in enumerate(flood):
                heads = [asked(f"n{number}-{place}") for place in range(10)]
                each.sendall("\r\n".join([*heads, "\r\n"]).encode())
            logins = {tenant.try_login(api=own).status_code for _ in range(5)}
            for each in flood:
                while answers.count(b"HTTP/1.1 ") % 10 or not answers.endswith(b"}"):
                    answers += each.recv(65_536)
                answers += b"\n"
        assert logins == {200}, own.log.read_text()[-2_000:]
        assert set(re.findall(rb"HTTP/1.1 (\d+)", answers)) <= {b"404", b"429"}
    finally:
        own.kill()


_PLACES = ("user", "login", "application", "token", "admin", "tenant")


@given(
    method=st.sampled_from(["GET", "PUT", "PATCH", "DELETE", "POST"]),
    path=st.sampled_from(
        ["users/{}", "users?after={}", "logs?actor={}", "reports/logins?login={}"]
    ),
    place=st.sampled_from(_PLACES),
    login=st.sampled_from(_PLACES),
    dimensions=st.lists(st.sampled_from(["login", "client", "role", "outcome"]), unique=True),
)
@settings(**_SETTINGS)
def test_nothing_that_an_administrator_asks_shows_or_changes_another_tenants_rows(
    tenant: Tenant,
    admin: str,
    other: Tenant,
    their: dict[str, str],
    method: str,
    path: str,
    place: str,
    login: str,
    dimensions: list[str],
):
    before = _everything(other, their)
    target = f"/api/v1/{path.format(their[place])}"
    if "reports" in path and dimensions:
        target += f"&by={','.join(dimensions)}"
    body = None
    if method in ("PUT", "PATCH", "POST"):
        body = {"login": f"x-{their[login]}", "fullName": "taken over", "password": PASSWORD}
        target = "/api/v1/users" if method == "POST" else target
    answer = tenant.ask(method, target, body, token=admin)
    if "users/" in path and method != "POST":
        assert answer.status_code in (400, 403, 404, 405)
    shown = answer.text.replace(f"x-{their[login]}", "")
    for secret in (their["user"], other.admin, other.user, their["application"]):
        if secret not in target:
            assert secret not in shown
    assert _everything(other, their) == before


def _everything(other: Tenant, their: dict[str, str]) -> list[Any]:
    return other.machine.databases["entity-a"].rows(
        "SELECT a::text FROM account a WHERE tenant_id = %s ORDER BY id",
        their["tenant"],
        database=DATABASE,
    )


def test_the_same_login_is_another_person_at_each_tenant(tenant: Tenant, other: Tenant, admin: str):
    login = f"{uuid.uuid4().hex}@shared"
    made = [
        who.ask(
            "POST",
            "/api/v1/users",
            {"login": login, "fullName": "X", "password": f"{PASSWORD} {who.label}"},
            token=who.log_in(who.admin),
        ).json()["id"]
        for who in (tenant, other)
    ]
    assert made[0] != made[1]
    assert tenant.try_login(login, f"{PASSWORD} {other.label}").status_code == 401

"""The fence holds against sessions that are open already and against whatever a client sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from local.postgres import SUPERUSER
from service.operations import rights
from service.operations.bootstrap import bootstrap
from service.operations.fence import fence, unfence
from service.operations.node import DeclinedError
from service.operations.operator import Operator
from tests.service.operations.conftest import DATABASE, Lab
from tests.service.operations.killing import killed_everywhere

A = "entity-a"
_RIGHTS = """
SELECT c.relname, NULL, coalesce(r.rolname, 'PUBLIC'), e.privilege_type, e.is_grantable
FROM pg_class c CROSS JOIN aclexplode(c.relacl) e LEFT JOIN pg_roles r ON r.oid = e.grantee
WHERE c.relnamespace = 'public'::regnamespace
UNION ALL
SELECT c.relname, a.attname, coalesce(r.rolname, 'PUBLIC'), e.privilege_type, e.is_grantable
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
CROSS JOIN aclexplode(a.attacl) e LEFT JOIN pg_roles r ON r.oid = e.grantee
WHERE c.relnamespace = 'public'::regnamespace
ORDER BY 1, 2, 3, 4
"""
WRITE = "UPDATE account SET full_name = full_name"


@pytest.fixture(scope="module")
def alone(servers) -> Lab:
    """One master and its tenant: the other one has no part in this."""
    lab = Lab(servers)
    lab.start(A)
    with lab.operator() as operator:
        bootstrap(operator, "entity")
    lab.add_tenant(accounts=3)
    return lab


@pytest.fixture
def operator(alone: Lab) -> Iterator[Operator]:
    with alone.operator() as operator:
        yield operator
        unfence(operator, A)


@pytest.fixture
def client(alone: Lab) -> Iterator[psycopg.Connection[Any]]:
    """A session of the application's pool, opened before the fence, about one tenant."""
    with alone.by_name[A].connect(DATABASE, "app_writer") as connection:
        tenant = alone.value(A, "SELECT id::text FROM tenant LIMIT 1")
        connection.execute("SELECT set_config('app.tenant', %s, false)", (tenant,))
        yield connection


def refused(client: psycopg.Connection[Any], statement: Any = WRITE) -> bool:
    try:
        client.execute(statement)
    except InsufficientPrivilege:
        return True
    return False


# ------------------------------------------------------------------- sessions that are open


def test_a_pooled_session_is_refused_at_its_next_statement_and_reads_on(operator, client):
    assert not refused(client)
    fence(operator, A)
    assert refused(client)
    assert client.execute("SELECT count(*) FROM account").fetchone() == (3,)
    unfence(operator, A)
    assert not refused(client)


def test_a_transaction_that_is_open_is_refused_at_its_next_statement(operator, client):
    client.execute("BEGIN")
    client.execute(WRITE)
    fence(operator, A)  # waits for nobody
    assert refused(client)
    client.execute("ROLLBACK")


def test_what_was_written_before_may_still_commit(operator, client):
    client.execute("BEGIN")
    client.execute("UPDATE account SET full_name = 'before' WHERE login = 'u1'")
    fence(operator, A)
    client.execute("COMMIT")
    assert client.execute("SELECT count(*) FROM account WHERE full_name = 'before'").fetchone() == (
        1,
    )


def test_a_prepared_statement_is_refused(operator, client):
    client.execute("PREPARE written AS UPDATE account SET full_name = full_name")
    for _ in range(8):  # past the custom plans: the generic one is kept
        client.execute("EXECUTE written")
    fence(operator, A)
    assert refused(client, "EXECUTE written")


def test_a_cursor_that_is_open_for_update_is_refused(operator, client):
    """It holds locks, which the fence does not wait for."""
    client.execute("BEGIN")
    client.execute("DECLARE c CURSOR FOR SELECT id FROM account FOR UPDATE")
    client.execute("FETCH 1 FROM c")
    fence(operator, A)
    assert refused(client, "UPDATE account SET full_name = 'x' WHERE CURRENT OF c")
    client.execute("ROLLBACK")


# -------------------------------------------------------------------- a client that overrides


@pytest.mark.parametrize(
    "override",
    [
        "SET default_transaction_read_only = off",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
        "BEGIN READ WRITE",
        "SET ROLE app_writer",
        "RESET ROLE",
        "SET ROLE NONE",
        "SET SESSION AUTHORIZATION DEFAULT",
        "DISCARD ALL",
        "SET row_security = off",
        "GRANT UPDATE ON account TO app_writer",  # a warning, and no right
    ],
)
def test_nothing_that_a_client_may_set_lets_it_write(operator, client, override):
    fence(operator, A)
    client.execute(override)
    assert refused(client)
    client.execute("ROLLBACK")


@pytest.mark.parametrize(
    "attempt",
    [
        "SET ROLE administrator",
        "SET ROLE replicator",
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        "SET session_replication_role = replica",
        "GRANT administrator TO app_writer",
        "ALTER TABLE account OWNER TO app_writer",
        "ALTER TABLE account DISABLE ROW LEVEL SECURITY",
        "ALTER ROLE app_writer SUPERUSER",
        "CREATE TABLE mine (id int)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
        "DELETE FROM operations.fenced",
        "INSERT INTO account (tenant_id, login, full_name) SELECT current_tenant(), 'x', 'x'",
        "INSERT INTO account (id, tenant_id, login, full_name) SELECT id, tenant_id, login, 'x'"
        " FROM account ON CONFLICT (id) DO UPDATE SET full_name = 'x'",
        "MERGE INTO account USING tenant ON false WHEN MATCHED THEN DELETE",
        "WITH gone AS (DELETE FROM account RETURNING 1) SELECT count(*) FROM gone",
        "DO $$ BEGIN DELETE FROM account; END $$",
        "COPY account (tenant_id, login, full_name) FROM STDIN",
        "TRUNCATE account",
        "SELECT id FROM account FOR UPDATE",
        "DO $$ BEGIN LOCK TABLE account IN EXCLUSIVE MODE; END $$",
        "SELECT setval('account', 1)",
    ],
)
def test_no_way_around_leads_to_a_write(operator, client, attempt):
    fence(operator, A)
    with pytest.raises((InsufficientPrivilege, psycopg.errors.WrongObjectType)):
        client.execute(attempt)


@pytest.mark.parametrize("inherits", ["INHERIT", "NOINHERIT"])
def test_a_role_that_is_the_application_s_gains_nothing(alone, operator, inherits):
    alone.rows(A, f"CREATE ROLE member LOGIN {inherits} IN ROLE app_writer", user=SUPERUSER)
    try:
        fence(operator, A)
        with alone.by_name[A].connect(DATABASE, "member") as member:
            assert refused(member)
            member.execute("SET ROLE app_writer")
            assert refused(member)
    finally:
        alone.rows(A, "DROP ROLE member", user=SUPERUSER)


def test_an_application_that_can_become_the_owner_is_told(alone, operator):
    for statement in (
        "CREATE ROLE keeper",
        "CREATE TABLE kept (id int)",
        "ALTER TABLE kept OWNER TO keeper",
        "GRANT keeper TO administrator, app_writer",
    ):
        alone.rows(A, statement, user=SUPERUSER)
    try:
        with pytest.raises(DeclinedError, match="app_writer can become the owner of tables"):
            fence(operator, A)
        assert rights.is_fenced(operator.on(A))
    finally:
        alone.rows(A, "DROP TABLE kept", user=SUPERUSER)
        alone.rows(A, "DROP ROLE keeper", user=SUPERUSER)


def test_mutation_a_parameter_would_not_hold_the_open_session(alone, operator, client, monkeypatch):
    """As a fence by default_transaction_read_only would be: seen by new sessions alone."""
    monkeypatch.setattr(
        rights,
        "revoke_writes",
        lambda session: session.change(
            "ALTER ROLE app_writer SET default_transaction_read_only=on"
        ),
    )
    monkeypatch.setattr(rights, "writers", lambda _: {})
    monkeypatch.setattr(rights, "is_fenced", lambda _: False)
    try:
        fence(operator, A)
        assert not refused(client)
        with alone.by_name[A].connect(DATABASE, "app_writer") as new:
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                new.execute(WRITE)
            new.execute("SET default_transaction_read_only = off")
            assert not refused(new)
    finally:
        alone.rows(A, "ALTER ROLE app_writer RESET default_transaction_read_only", user=SUPERUSER)


# ------------------------------------------------------------------- what is given back


@pytest.fixture
def odd_rights(alone: Lab) -> Iterator[None]:
    """Rights as no rule would guess them."""
    alone.rows(A, "GRANT UPDATE (name, attributes) ON tenant TO app_reader WITH GRANT OPTION")
    alone.rows(A, "GRANT INSERT, TRUNCATE ON application TO PUBLIC")
    alone.rows(A, "REVOKE UPDATE, DELETE ON account FROM app_writer")
    alone.rows(A, "GRANT UPDATE (status) ON account TO app_writer")
    alone.rows(A, 'CREATE TABLE "Read only" (id int)')
    alone.rows(A, "CREATE VIEW named AS SELECT id, name FROM tenant")
    alone.rows(A, "GRANT UPDATE ON named TO app_writer")
    yield
    alone.rows(A, "DROP VIEW named")
    alone.rows(A, 'DROP TABLE "Read only"')
    alone.rows(A, "DROP TABLE IF EXISTS later")
    alone.rows(A, "REVOKE UPDATE (name, attributes) ON tenant FROM app_reader")
    alone.rows(A, "REVOKE INSERT, TRUNCATE ON application FROM PUBLIC")
    alone.rows(A, "REVOKE UPDATE (status) ON account FROM app_writer")
    alone.rows(A, "GRANT UPDATE, DELETE ON account TO app_writer")


@pytest.mark.usefixtures("odd_rights")
def test_exactly_the_former_rights_come_back(alone, operator):
    before = alone.rows(A, _RIGHTS)
    for _ in range(2):
        fence(operator, A)
        fence(operator, A)
        assert rights.is_fenced(operator.on(A))
        assert alone.rows(A, _RIGHTS) != before
        unfence(operator, A)
        unfence(operator, A)
        assert alone.rows(A, _RIGHTS) == before


@pytest.mark.usefixtures("odd_rights")
def test_who_writes_through_a_view_is_found(alone, operator):
    """With the rights of the view's owner, whom no fence holds."""
    alone.rows(A, "CREATE ROLE reporting LOGIN; GRANT UPDATE ON named TO reporting")
    try:
        with pytest.raises(
            DeclinedError, match=r"others can still write .*'reporting': \['named'\]"
        ):
            fence(operator, A)
    finally:
        alone.rows(A, "REVOKE UPDATE ON named FROM reporting; DROP ROLE reporting")


@pytest.mark.usefixtures("odd_rights")
def test_a_table_that_came_while_it_was_fenced_is_written_as_every_table_is(alone, operator):
    fence(operator, A)
    alone.rows(A, "CREATE TABLE later (id int)")
    unfence(operator, A)
    found = [row[2:4] for row in alone.rows(A, _RIGHTS) if row[0] == "later"]
    assert {right for role, right in found if role == "app_writer"} >= {
        "INSERT",
        "UPDATE",
        "DELETE",
    }
    read_only = [
        row[3] for row in alone.rows(A, _RIGHTS) if row[:3:2] == ("Read only", "app_writer")
    ]
    assert set(read_only) <= {"SELECT"}


@pytest.mark.usefixtures("odd_rights")
def test_killed_at_every_statement_the_rights_are_whole(alone):
    before = alone.rows(A, _RIGHTS)
    assert killed_everywhere(alone, lambda operator: fence(operator, A)) >= 4
    with alone.operator() as operator:
        assert rights.is_fenced(operator.on(A))
    assert killed_everywhere(alone, lambda operator: unfence(operator, A)) >= 4
    assert alone.rows(A, _RIGHTS) == before
    assert alone.value(A, "SELECT count(*) FROM operations.fenced") == 0

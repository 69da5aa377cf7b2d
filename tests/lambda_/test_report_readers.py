"""The view of the audit log's months, and who may read it: made, made anew, and after a failover.

moto 5.2.5 runs no statement of the Data API, so PostgreSQL stands in for the warehouse: what the
function runs there is run, but for the words that only Amazon Redshift has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import boto3
import psycopg
import pytest
from moto import mock_aws

from functions.reporting_database import audit_view
from functions.reporting_database.keeping import FailedTablesError, keep
from functions.reporting_database.target_database import Statements
from local.postgres import PostgresServers
from service.operations import canary, partitions
from service.operations.bootstrap import bootstrap
from service.stores import reporting
from tests.service.operations.conftest import DATABASE, Lab

PATH = "/mainstay-production-reporting/"
TODAY = date(2026, 3, 15)
SYSTEM_TABLES = """
CREATE TABLE reports.svv_integration (integration_id text, target_database text);
CREATE TABLE reports.svv_integration_table_state (
    target_database text, schema_name text, table_name text, table_state text, reason text);
CREATE VIEW reports.pg_user_info AS SELECT rolname AS usename FROM pg_roles;
"""


class Warehouse:
    """The Data API over one PostgreSQL database: the one of ours and the filled ones in one."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._answers: list[list[Any]] = []
        self.ran: list[str] = []

    def execute_statement(self, *, Sql: str, **_: str) -> dict[str, str]:  # noqa: N803 (as boto3 names it)
        self.ran.append(Sql)
        cursor = self._connection.execute(self._spoken(Sql).encode())
        self._answers.append(cursor.fetchall() if cursor.description else [])
        return {"Id": str(len(self._answers) - 1)}

    def describe_statement(self, *, Id: str) -> dict[str, str]:  # noqa: N803 (as boto3 names it)
        return {"Status": "FINISHED"}

    def get_statement_result(self, *, Id: str) -> dict[str, Any]:  # noqa: N803 (as boto3 names it)
        return {
            "Records": [
                [{"isNull": True} if cell is None else {"stringValue": str(cell)} for cell in row]
                for row in self._answers[int(Id)]
            ]
        }

    def _spoken(self, sql: str) -> str:
        """What PostgreSQL calls it; a database of an integration is a row, and its tables here."""
        made = re.fullmatch(r"CREATE DATABASE \"(\w+)\" FROM INTEGRATION '([\w-]+)' .*", sql)
        if made:
            return (
                f"UPDATE svv_integration SET target_database = '{made[1]}'"
                f" WHERE integration_id = '{made[2]}'"
            )
        sql = sql.replace(" PASSWORD DISABLE", " PASSWORD NULL").replace(
            " WITH NO SCHEMA BINDING", ""
        )
        sql = sql.replace(audit_view.VIEW, '"reports"."event"').replace(
            "schemaname = 'public'", "schemaname = 'reports'"
        )
        sql = sql.replace('ON SCHEMA "public"', 'ON SCHEMA "reports"')
        return re.sub(r'FROM "transaction(_2)?"\."public"', 'FROM "public"', sql)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with PostgresServers() as servers:
        made = Lab(servers)
        made.start("transaction")
        with made.operator() as operator:
            bootstrap(operator, "transaction")
        yield made


@pytest.fixture
def source(lab: Lab) -> Iterator[psycopg.Connection[Any]]:
    """The audit log as its operation leaves it, with what an integration says of its tables."""
    with lab.operator() as operator:
        partitions.make_partitions(operator, "transaction", today=TODAY)
    with lab.by_name["transaction"].connect(DATABASE) as connection:
        connection.execute("CREATE SCHEMA reports; SET search_path = public, reports")
        connection.execute(SYSTEM_TABLES)
        connection.execute("INSERT INTO svv_integration VALUES ('int-1', NULL)")
        yield connection
        connection.execute("DROP SCHEMA reports CASCADE; DELETE FROM public.event")
        for (name,) in connection.execute(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'IAMR:%'"
        ).fetchall():
            connection.execute(f'DROP OWNED BY "{name}"; DROP ROLE "{name}"'.encode())


def carry(connection: psycopg.Connection[Any], database: str = "transaction") -> None:
    """As a zero-ETL integration does: each partition, and never the table above them."""
    connection.execute(
        "INSERT INTO svv_integration_table_state SELECT %s, 'public', relname, 'Synced', ''"
        " FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        " AND NOT EXISTS (SELECT FROM svv_integration_table_state s WHERE s.table_name = relname"
        " AND s.target_database = %s)",
        (database, database),
    )


@pytest.fixture
def roles(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    with mock_aws():
        iam = boto3.client("iam", region_name="us-east-1")
        for name, path in (("app-blue-1", PATH), ("app-green-1", PATH), ("worker", "/")):
            iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument="{}")
        yield iam


def kept(connection: psycopg.Connection[Any], iam: Any, **more: Any) -> dict[str, Any]:
    statements = Statements(
        Warehouse(connection),
        workgroup="reports",
        secret_arn="arn:secret",
        database="reporting",
        pause=lambda _: None,
    )
    chosen: dict[str, Any] = {"integration_id": "int-1"} | more
    return keep(
        statements,
        iam,
        source_database="mainstay",
        target_database="transaction",
        readers_path=PATH,
        **chosen,
    )


def write(connection: psycopg.Connection[Any], at: date, tenant: UUID) -> None:
    connection.execute(
        "INSERT INTO event (id, at, tenant_id, kind, outcome)"
        " SELECT u, %s, %s, 'login', 'SUCCESS' FROM gen_random_uuid() AS u",
        (at, tenant),
    )


def counted(lab: Lab, role: str) -> int:
    """How many events a role's user counts through the view, which is all that it may read."""
    with lab.by_name["transaction"].connect(DATABASE, f"IAMR:{role}") as connection:
        row = connection.execute("SELECT count(*) FROM reports.event").fetchone()
        assert row is not None
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM public.event_default")
        return row[0]


TENANT = UUID(int=1)


def test_a_reader_counts_what_stands_in_every_partition(lab, source, roles):
    for at in (TODAY, TODAY + timedelta(days=31), date(2199, 1, 1)):
        write(source, at, TENANT)
    carry(source)
    report = kept(source, roles)
    assert report["readers"] == ["app-blue-1", "app-green-1"]
    assert report["new_users"] == ["IAMR:app-blue-1", "IAMR:app-green-1"]
    assert [counted(lab, role) for role in report["readers"]] == [3, 3]
    again = kept(source, roles)
    assert again == report | {"new_users": []}


def test_the_canary_of_upgrades_is_in_no_report(lab, source, roles):
    for tenant in (TENANT, UUID(canary.TENANT)):
        write(source, TODAY, tenant)
    carry(source)
    kept(source, roles)
    assert counted(lab, "app-blue-1") == 1


def test_the_view_has_the_partitions_that_the_operation_has(lab, source, roles):
    """The two are held together here: a name that the view does not know would not be counted."""
    carry(source)
    with lab.operator() as operator:
        session = operator.on("transaction")
        assert kept(source, roles)["tables"] == partitions.attached(session)
        later = TODAY + timedelta(days=92)
        made = partitions.make_partitions(operator, "transaction", today=later)
        assert made
        carry(source)
        assert kept(source, roles)["tables"] == partitions.attached(session)
    write(source, later, TENANT)
    assert counted(lab, "app-blue-1") == 1


def test_a_role_that_came_since_may_read_at_the_next_run(lab, source, roles):
    carry(source)
    kept(source, roles)
    roles.create_role(RoleName="app-blue-2", Path=PATH, AssumeRolePolicyDocument="{}")
    assert kept(source, roles)["new_users"] == ["IAMR:app-blue-2"]
    assert counted(lab, "app-blue-2") == 0


def test_before_anything_is_carried_there_are_readers_and_no_view(source, roles):
    report = kept(source, roles)
    assert (report["tables"], report["new_users"]) == ([], ["IAMR:app-blue-1", "IAMR:app-green-1"])


def test_a_table_that_is_no_longer_filled_is_an_error_after_everything_else(lab, source, roles):
    carry(source)
    source.execute(
        "UPDATE svv_integration_table_state SET table_state = 'Failed', reason = 'no key'"
        " WHERE table_name = 'event_2026_04'"
    )
    with pytest.raises(FailedTablesError, match="event_2026_04: no key"):
        kept(source, roles)
    assert counted(lab, "app-blue-1") == 0


def test_after_a_failover_a_snapshot_is_opened_and_then_the_new_integration(lab, source, roles):
    """In the standby: nothing, then a snapshot of the primary's, then an integration of its own."""
    source.execute("DELETE FROM svv_integration")
    assert kept(source, roles, integration_id=None)["tables"] == []
    carry(source)
    source.execute(
        audit_view.definition("x", ["event_default"])
        .split(" WITH NO")[0]
        .replace(audit_view.VIEW, "reports.event")
        .replace('"x"."public"', "public")
        .encode()
    )
    write(source, TODAY, TENANT)
    assert kept(source, roles, integration_id=None)["database"] is None
    assert counted(lab, "app-blue-1") == 0  # as the snapshot has it
    source.execute("CREATE DATABASE transaction")  # of the integration that is gone
    try:
        source.execute("INSERT INTO svv_integration VALUES ('int-9', NULL)")
        carry(source, "transaction_2")
        report = kept(source, roles, integration_id=None)
        assert report["database"] == "transaction_2"
        assert counted(lab, "app-blue-1") == 1
        assert kept(source, roles, integration_id=None) == report
    finally:
        source.execute("DROP DATABASE transaction")


def test_a_report_asks_the_view_for_nothing_that_it_has_not(source, roles):
    carry(source)
    kept(source, roles)
    statement, values = reporting._statement(reporting.DIMENSIONS, {"outcome": "SUCCESS"})
    given = {
        "tenant": str(TENANT),
        "since": "2026-01-01T00:00:00+00:00",
        "until": datetime.now(UTC).isoformat(),
        **values,
    }
    spoken = re.sub(
        r"(?<!:):([a-z_]+)", r"%(\1)s", statement.replace(audit_view.VIEW, "reports.event")
    )
    write(source, TODAY, TENANT)
    [row] = source.execute(spoken.encode(), given).fetchall()
    assert row[-1] == 1
    assert audit_view.VIEW in statement

"""Logins to databases are judged as Amazon RDS judges them: by name, Region, user, age and key."""

from __future__ import annotations

import asyncio
import json
import runpy
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import psycopg
import pytest
import uvloop
from psycopg import sql

from local.postgres import PostgresServer, PostgresServers
from local.postgres.administrator import administrator_statements, token_statements
from local.postgres.certificate import FILE, Authority
from local.postgres.listener import DatabaseEntrance, DatabaseListener
from local.postgres.token import Login, refusal
from service.aws import Aws
from service.databases import Server, Servers
from service.settings import DatabaseSettings

KEY, SECRET, SESSION = "ASIAEXAMPLE", "the key's secret", "a session's token/+="
PASSWORD = "the-master"
PRIMARY = "mainstay-test-transaction-a.cluster-abc.us-east-1.rds.amazonaws.com"
COPY = "mainstay-test-transaction-copy.cluster-abc.us-west-2.rds.amazonaws.com"
PORT = 5432
USERS = "arn:aws:rds-db:us-east-1:111122223333:dbuser:cluster-XYZ"
LOGIN = Login(region="us-east-1", hosts=(PRIMARY,), port=PORT, user="app_writer", users=USERS)


class Keys:
    """One session's keys, whose role may be the application's two users and nobody else."""

    def secret_of(self, key: str, token: str | None) -> str | None:
        return SECRET if (key, token) == (KEY, SESSION) else None

    def denial(self, key: str, resource: str) -> str | None:
        allowed = {f"{USERS}/{user}" for user in ("app_reader", "app_writer")}
        return None if resource in allowed else f"{key} may not be {resource}"


def token(
    *, region="us-east-1", host=PRIMARY, port=PORT, user="app_writer", secret=SECRET, key=KEY
) -> str:
    session = boto3.Session(
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=SESSION,
        region_name=region,
    )
    return session.client("rds").generate_db_auth_token(
        DBHostname=host, Port=port, DBUsername=user, Region=region
    )


def judged(text: str, *, late: timedelta = timedelta(), **different: str) -> str | None:
    login = replace(LOGIN, **different)
    return refusal(text, login, now=datetime.now(UTC) + late, keys=Keys())


def test_a_token_of_the_sdk_is_taken_for_fifteen_minutes():
    made = token()
    assert judged(made) is None
    assert judged(made, late=timedelta(minutes=14)) is None
    assert "was valid for 0:15:00" in (judged(made, late=timedelta(minutes=16)) or "")


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ({"region": "us-west-2"}, "us-west-2/rds-db"),
        ({"host": COPY}, f"the token is for {COPY}"),
        ({"port": 5433}, "5433"),
        ({"user": "app_reader"}, "'DBUser' should be app_writer, got 'app_reader'"),
        ({"secret": "another"}, "the signature is not"),
        ({"key": "ASIAOTHER"}, "no role has the access key 'ASIAOTHER'"),
    ],
)
def test_a_token_for_something_else_is_refused_and_the_log_says_what(made, reason):
    assert reason in (judged(token(**made)) or "")


def test_a_role_that_may_not_log_in_to_the_user_is_refused():
    assert judged(token(user="mainstay"), user="mainstay") == f"{KEY} may not be {USERS}/mainstay"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("X-Amz-Expires=900", "X-Amz-Expires=604800"),
        ("X-Amz-Expires=900", "X-Amz-Expires=899"),
        ("Action=connect", "Action=Connect"),
        (quote(SESSION, safe=""), "another"),
        ("X-Amz-Signature=", "X-Amz-Signature=0"),
        ("X-Amz-Signature=", "Signature="),
    ],
)
def test_a_token_that_was_changed_is_refused(old, new):
    made = token()
    assert old in made
    assert judged(made.replace(old, new)) is not None


@pytest.mark.parametrize("text", ["", "x", f"{PRIMARY}:{PORT}/?", "\x00", "[", "a" * 5_000])
def test_what_is_no_token_is_refused(text):
    assert judged(text) is not None


# ------------------------------------------------------------------------------------- servers


class Machines:
    """The primary's writer and the copy of it in the other Region, each with its entrance."""

    def __init__(self, servers: PostgresServers, listener: DatabaseListener, folder: Path) -> None:
        self.primary = servers.start("primary")
        for statement in (
            *administrator_statements("mainstay"),
            *token_statements("mainstay"),
            f"ALTER ROLE mainstay PASSWORD '{PASSWORD}'",
            "CREATE DATABASE mainstay OWNER mainstay",
        ):
            self.primary.rows(statement)
        self.copy = servers.standby("copy", of=self.primary)
        self.addresses = {host: servers.free_host(PORT) for host in (PRIMARY, COPY)}
        certificates = b""
        for region, host, server in (
            ("us-east-1", PRIMARY, self.primary),
            ("us-west-2", COPY, self.copy),
        ):
            authority = Authority(folder / region, servers.folder)
            certificates += authority.certificate
            listener.listen(self._entrance(authority, region, host, server))
        self.bundle = folder / FILE
        self.bundle.write_bytes(certificates)
        self._listener = listener

    def _entrance(
        self, authority: Authority, region: str, host: str, server: PostgresServer
    ) -> DatabaseEntrance:
        assert server.socket is not None
        return DatabaseEntrance(
            address=self.addresses[host],
            port=PORT,
            socket=server.socket,
            tls=authority.context(self.addresses[host], host),
            region=region,
            hosts=(host,),
            users=USERS,
        )

    def connect(self, user: str, password: str, **more: Any) -> psycopg.Connection:
        given = {
            "host": PRIMARY,
            "hostaddr": self.addresses[PRIMARY],
            "dbname": "mainstay",
            "user": user,
            "password": password,
            "sslmode": "verify-full",
            "sslrootcert": str(self.bundle),
        }
        return psycopg.connect("", autocommit=True, **{**given, **more})


@pytest.fixture(scope="module")
def machines(tmp_path_factory) -> Iterator[Machines]:
    with (
        PostgresServers(administrator="mainstay") as servers,
        DatabaseListener(Keys()) as listener,
    ):
        made = Machines(servers, listener, tmp_path_factory.mktemp("authorities"))
        with made.connect("mainstay", PASSWORD) as administrator:
            administrator.execute("CREATE SCHEMA operations")
            administrator.execute(
                "CREATE TABLE operations.migration AS SELECT 1 AS version, true AS breaks"
            )
            administrator.execute("CREATE TABLE event (n int)")
            for role in ("app_reader", "app_writer"):
                administrator.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
                administrator.execute(sql.SQL("GRANT rds_iam TO {}").format(sql.Identifier(role)))
            administrator.execute("GRANT USAGE ON SCHEMA operations TO app_writer")
            administrator.execute("GRANT SELECT ON operations.migration TO app_writer")
            administrator.execute("GRANT SELECT, INSERT ON event TO app_writer")
        made.copy.wait(
            "SELECT has_table_privilege('app_writer', 'event', 'INSERT')", database="mainstay"
        )
        yield made


def test_a_user_of_a_token_logs_in_over_tls_and_works(machines):
    with machines.connect("app_writer", token()) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("app_writer",)
        # More than any buffer on the way, in both directions.
        sent = "x" * 3_000_000
        assert connection.execute("SELECT %s::text", (sent,)).fetchone() == (sent,)


@pytest.mark.parametrize(
    ("user", "password", "error"),
    [
        ("app_writer", PASSWORD, "PAM authentication failed"),
        ("app_writer", token(user="app_reader"), "PAM authentication failed"),
        ("mainstay", "guessed", "password authentication failed"),
        ("mainstay", token(user="mainstay"), "password authentication failed"),
        ("postgres", "", "no pg_hba.conf entry"),
        ("nobody", "guessed", "password authentication failed"),
    ],
)
def test_who_shows_something_else_is_refused(machines, user, password, error):
    with pytest.raises(psycopg.OperationalError, match=error):
        machines.connect(user, password)


def test_a_connection_without_tls_is_refused(machines):
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        machines.connect("mainstay", PASSWORD, sslmode="disable")


@pytest.mark.parametrize("host", [COPY, "localhost"])
def test_a_client_finds_out_that_it_is_at_another_server(machines, host):
    with pytest.raises(psycopg.OperationalError, match="does not match host name"):
        machines.connect("mainstay", PASSWORD, host=host)


def test_a_query_is_cancelled(machines):
    with machines.connect("mainstay", PASSWORD) as connection, ThreadPoolExecutor() as pool:
        asleep = pool.submit(connection.execute, "SELECT pg_sleep(60)")
        machines.primary.wait(
            "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = %s",
            connection.info.backend_pid,
        )
        connection.cancel_safe()
        with pytest.raises(psycopg.errors.QueryCanceled):
            asleep.result(timeout=30)


def test_a_server_s_last_word_reaches_the_client(machines):
    connection = machines.connect("mainstay", PASSWORD)
    machines.primary.rows("SELECT pg_terminate_backend(%s)", connection.info.backend_pid)
    with pytest.raises(psycopg.errors.AdminShutdown):
        connection.execute("SELECT 1")


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_the_standby_s_write_reaches_the_primary_in_its_region(
    machines, monkeypatch, tmp_path, loop
):
    """The copy refuses it, and the primary takes a token that is signed for the primary's Region,
    although the task and its credentials are of the standby's."""
    for resolver in (socket, uvloop.Loop):  # given back after the test
        monkeypatch.setattr(resolver, "getaddrinfo", resolver.getaddrinfo)
    (tmp_path / "databases.json").write_text(json.dumps({"addresses": machines.addresses}))
    for name, value in {
        "DATABASE_ADDRESSES": str(tmp_path / "databases.json"),
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": SESSION,
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": str(machines.bundle),
    }.items():
        monkeypatch.setenv(name, value)
    runpy.run_path("local/resolver/sitecustomize.py")
    aws = Aws("us-west-2")

    async def write() -> None:
        servers = Servers(
            Server(
                (host, PORT),
                DatabaseSettings(database_auth="iam"),
                role="app_writer",
                version=1,
                notes_versions=False,
                statement_seconds=5,
                connections=1,
                token=aws.database_token,
            )
            for host in (COPY, PRIMARY)
        )
        await servers.open()
        try:
            await servers.ask({}, "INSERT INTO event VALUES (7)")
        finally:
            await servers.close()
            await aws.close()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(write())
    gone = "DELETE FROM event RETURNING n"
    assert machines.primary.rows(gone, database="mainstay") == [(7,)]

"""Whether a server is lost: gone, frozen or silent it is; refusing somebody it is not."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from local.postgres import ADMINISTRATOR, PostgresServer, PostgresServers
from service.operations import detection
from service.operations.node import DatabaseNode
from service.operations.operator import Operator


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServers() as servers:
        yield servers.start("asked")


def at(server: PostgresServer, port: int) -> str:
    """Where nobody is, or somebody else."""
    return make_conninfo(server.dsn(), port=port)


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_the_budget_is_what_three_silent_tries_take_at_most():
    assert detection.detection_budget() == pytest.approx(6.6)


def test_a_server_that_answers_is_there(server: PostgresServer):
    assert not detection.is_lost_at(server.dsn(user=ADMINISTRATOR))


def test_a_server_that_is_gone_is_lost_long_before_the_budget(server: PostgresServer):
    began = time.monotonic()
    assert detection.is_lost_at(at(server, 1))
    assert time.monotonic() - began < detection.detection_budget()


def test_one_lost_try_is_not_a_lost_server(server: PostgresServer, monkeypatch):
    tries = iter([False, False, True])
    monkeypatch.setattr(detection, "answers_at", lambda _: next(tries))
    assert not detection.is_lost_at(server.dsn())


@pytest.mark.parametrize("role", ["full", "unknown", "locked"])
def test_a_server_that_refuses_somebody_is_there(server: PostgresServer, role: str):
    """Promoted away for want of a connection or of a password, there would be two."""
    if role == "full":
        server.rows("CREATE ROLE full_ LOGIN CONNECTION LIMIT 0")
    if role == "locked":
        server.rows("CREATE ROLE locked NOLOGIN")
    name = "full_" if role == "full" else role
    with pytest.raises(psycopg.OperationalError):
        server.connect(user=name)
    assert detection.answers_at(server.dsn(user=name))


@pytest.mark.parametrize(
    ("message", "there"),
    [
        ("FATAL:  the database system is starting up", False),
        ("FATAL:  the database system is shutting down", False),
        ("FATAL:  the database system is in recovery mode", False),
        ("FATAL:  the database system is not yet accepting connections", False),
        ("FATAL:  sorry, too many clients already", True),
        ("SSL error: certificate verify failed", True),
        ("server closed the connection unexpectedly", False),
    ],
)
def test_what_a_server_says_tells_whether_it_serves(
    server: PostgresServer, monkeypatch, message, there
):
    def connect(*_: object, **__: object) -> None:
        raise psycopg.OperationalError(message)

    monkeypatch.setattr(detection.psycopg, "connect", connect)
    assert detection.answers_at(server.dsn()) is there


def test_a_machine_that_takes_the_connection_and_says_nothing_is_lost(
    server: PostgresServer, monkeypatch
):
    monkeypatch.setattr(detection, "MISSES", 1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        assert detection.is_lost_at(at(server, silent.getsockname()[1]))
        assert time.monotonic() - began < 10  # loose: the machine is shared


def test_a_server_that_froze_after_it_let_one_in_is_lost(server: PostgresServer):
    """libpq itself would wait for the answer without end."""
    with closing(server.connect(user=ADMINISTRATOR)) as connection:
        with frozen(connection.info.backend_pid):
            assert not detection._answers_until(connection.pgconn, time.monotonic() + 0.2)
        assert connection.pgconn.get_result() is not None  # it was only late


def test_a_watch_ends_with_the_loss_or_with_its_timeout(server: PostgresServer, monkeypatch):
    monkeypatch.setattr(detection, "INTERVAL_SECONDS", 0.01)

    def asked(dsn: str, timeout: float) -> Operator:
        node = DatabaseNode(
            name="entity-a", store="entity", dsn=dsn, host="", port=0, database="postgres"
        )
        return Operator({"entity-a": node}, timeout=timeout)

    detection.wait_until_lost(asked(at(server, 1), 10), "entity-a")
    with pytest.raises(TimeoutError, match="entity-a is lost"):
        detection.wait_until_lost(asked(server.dsn(), 0.05), "entity-a")

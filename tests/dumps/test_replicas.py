"""Dumps of replicas as Aurora has them: several behind one name, and each may cancel."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from dumps.errors import DumpError
from local.postgres import PostgresServer, PostgresServers
from local.postgres.binaries import BINARIES
from local.postgres.certificate import FILE, Authority
from tests.dumps.conftest import DATABASE, Lab

CLUSTER = "store.cluster-ro-abc.us-east-1.rds.amazonaws.com"


class RoundRobin:
    """As a reader endpoint with several readers: each connection goes to the next one."""

    def __init__(self, servers: list[PostgresServer]) -> None:
        self.dealt: list[str] = []
        self._servers = itertools.cycle(servers)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = next(self._servers)
            self.dealt.append(server.name)
            other = socket.create_connection((server.host, server.port))
            for one, two in ((client, other), (other, client)):
                threading.Thread(target=_pump, args=(one, two), daemon=True).start()


def _pump(one: socket.socket, two: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65_536):
            two.sendall(data)
    for end in (one, two):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def servers() -> Iterator[PostgresServers]:
    with PostgresServers() as servers, pytest.MonkeyPatch.context() as patched:
        patched.setenv("PG_BIN", str(BINARIES.folder / "bin"))
        yield servers


@pytest.fixture(scope="module")
def primary(servers: PostgresServers) -> PostgresServer:
    primary = servers.start("primary")
    primary.rows(f"CREATE DATABASE {DATABASE}")
    primary.rows("CREATE TABLE event (id int PRIMARY KEY, what text)", database=DATABASE)
    primary.rows(
        "INSERT INTO event SELECT n, md5(n::text) FROM generate_series(1, 1000) n",
        database=DATABASE,
    )
    return primary


def followed(standby: PostgresServer) -> PostgresServer:
    standby.wait("SELECT count(*) = 1000 FROM event", database=DATABASE)
    return standby


@pytest.fixture(scope="module")
def readers(
    servers: PostgresServers, primary: PostgresServer, tmp_path_factory
) -> tuple[list[PostgresServer], Path]:
    """Two standbys with certificates of the cluster's name, and whom their clients trust."""
    folder = tmp_path_factory.mktemp("authority")
    authority = Authority(folder, servers.folder)
    made = []
    for name in ("reader-1", "reader-2"):
        signed = authority.settings("127.0.0.1", CLUSTER)
        made.append(followed(servers.standby(name, of=primary, **signed)))
    return made, folder / FILE


@pytest.mark.parametrize("count", [1, 2])
def test_a_dump_through_a_name_of_several_readers_is_of_one_of_them(
    primary: PostgresServer, readers, shelf, tmp_path, count: int
):
    servers, trusted = readers
    endpoint = RoundRobin(servers[:count])
    dsn = servers[0].dsn(
        DATABASE, sslmode="verify-full", sslrootcert=str(trusted), hostaddr="127.0.0.1"
    )
    dsn = make_conninfo(dsn, host=CLUSTER, port=endpoint.port)
    done = Lab(primary, servers[0]).dump(shelf, tmp_path / "work", dsn=dsn)
    endpoint.close()
    assert done.manifest.tables["public.event"].rows == 1_000
    assert len(set(endpoint.dealt)) == count


def test_a_name_that_leads_to_no_server_alone_is_told(
    primary: PostgresServer, readers, shelf, tmp_path
):
    """As where the servers' own addresses are closed to us."""
    servers, _ = readers
    endpoint = RoundRobin(servers)
    dsn = make_conninfo(servers[0].dsn(DATABASE), port=endpoint.port)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            "dumps.instance._IDENTITY",
            "SELECT pg_postmaster_start_time(), '127.0.0.1', 1",
        )
        with pytest.raises(DumpError, match="leads to several servers"):
            Lab(primary, servers[0]).dump(shelf, tmp_path / "work", dsn=dsn)
    endpoint.close()


# ------------------------------------------------------------------- what is cancelled


@contextmanager
def conflicts(primary: PostgresServer, replica: PostgresServer, times: int) -> Iterator[None]:
    """Lock the table on the primary as ALTER TABLE does, until the replica cancelled so many."""
    over = threading.Event()
    asked = "SELECT confl_lock FROM pg_stat_database_conflicts WHERE datname = %s"
    before = replica.value(asked, DATABASE)

    def run() -> None:
        while not over.is_set() and replica.value(asked, DATABASE) - before < times:
            primary.rows(
                "BEGIN; LOCK TABLE event IN ACCESS EXCLUSIVE MODE; COMMIT", database=DATABASE
            )
            over.wait(0.02)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.fixture(scope="module")
def impatient(servers: PostgresServers, primary: PostgresServer) -> PostgresServer:
    """It applies what it is sent, whoever reads."""
    return followed(servers.standby("impatient", of=primary, max_standby_streaming_delay=0))


def test_a_dump_that_a_replica_cancelled_is_taken_again(
    primary: PostgresServer, impatient: PostgresServer, shelf, tmp_path, capsys
):
    with conflicts(primary, impatient, times=1):
        done = Lab(primary, impatient).dump(shelf, tmp_path / "work")
    assert done.manifest.tables["public.event"].rows == 1_000
    assert "cancelled, 1 of 3 times" in capsys.readouterr().err


def test_the_third_time_is_reported(
    primary: PostgresServer, impatient: PostgresServer, shelf, tmp_path
):
    with (
        conflicts(primary, impatient, times=10_000),
        pytest.raises(DumpError, match="cancelled the dump 3 times.*max_standby_streaming_delay"),
    ):
        Lab(primary, impatient).dump(shelf, tmp_path / "work")
    assert list(shelf.keys("dumps/")) == []

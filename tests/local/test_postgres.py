"""Servers of one machine: started, followed, killed, and gone with the one who started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from local.postgres import ADMINISTRATOR, BINARIES, NotReadyError, PostgresServers, Watched
from local.waiting import wait_until


@pytest.fixture(scope="module")
def servers():
    with PostgresServers() as servers:
        yield servers


@pytest.fixture(scope="module")
def server(servers):
    return servers.start("one")


def test_is_the_pinned_postgresql(server):
    assert server.value("SHOW server_version") == "17.10"


def test_does_not_run_as_root(server):
    owner = server.folder.stat().st_uid
    assert owner != 0
    assert owner == (BINARIES.account["user"] if os.geteuid() == 0 else os.geteuid())


def test_the_administrator_is_no_superuser(server):
    assert server.value("SELECT rolsuper FROM pg_roles WHERE rolname = %s", ADMINISTRATOR) is False


def test_a_standby_follows_and_refuses_writes(servers, server):
    standby = servers.standby("standby", of=server)
    server.rows("CREATE TABLE followed AS SELECT 7 AS n")
    standby.wait("SELECT n = 7 FROM followed")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        standby.rows("DELETE FROM followed")


def test_a_clone_has_the_data_and_goes_its_own_way(servers, server):
    server.rows("CREATE TABLE cloned AS SELECT 7 AS n")
    clone = servers.clone("clone", of=server)
    clone.rows("UPDATE cloned SET n = 8")
    assert (server.value("SELECT n FROM cloned"), clone.value("SELECT n FROM cloned")) == (7, 8)


def test_what_is_committed_survives_a_kill(servers):
    killed = servers.start("killed")
    killed.rows("CREATE TABLE kept AS SELECT generate_series(1, 1000)")
    port = killed.port
    killed.kill()
    assert not killed.is_running
    with pytest.raises(psycopg.OperationalError):
        killed.connect()
    killed.start()
    assert killed.port == port
    assert killed.value("SELECT count(*) FROM kept") == 1000


def test_a_killed_server_leaves_no_shared_memory(servers):
    """The kernel takes 4,096 segments, and then no server starts on the machine."""

    def segments():
        lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
        return {line.split()[1] for line in lines}

    server = servers.start("leaving")
    own = (server.folder / "postmaster.pid").read_text().split()[-2]
    assert own in segments()
    server.kill()
    assert own not in segments()
    server.start()
    server.kill()


def test_fails_on_a_setting_that_postgresql_refuses_with_its_log(servers):
    with pytest.raises(NotReadyError, match="wal_level"):
        servers.start("refused", wal_level="sometimes")


_PARENT = """
import time
from local.postgres import PostgresServers
server = PostgresServers().start("orphan")
print((server.folder / "postmaster.pid").read_text().split()[0], flush=True)
time.sleep(600)
"""


@pytest.fixture
def open_folder():
    """A temporary folder that any account may enter, as pytest's own may not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield folder


def test_no_server_outlives_a_killed_parent(open_folder):
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": open_folder},
    )
    assert parent.stdout is not None
    pid = parent.stdout.readline().strip()
    assert Path(f"/proc/{pid}/exe").exists()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not Path(f"/proc/{pid}/exe").exists(), "the server's end")


def test_one_that_is_told_to_end_while_it_starts_is_started_again(servers, monkeypatch):
    source = servers.start("source")
    standby = servers.standby("standby", of=source)
    starts: list[float] = []

    def ended_before_it_is_seen(deadline: float) -> bool:
        starts.append(deadline)
        if len(starts) == 1:
            assert accepting(deadline)
            os.kill(int((standby.folder / "postmaster.pid").read_text().split()[0]), signal.SIGINT)
            assert standby._process is not None
            standby._process.wait(60)
            return False
        return accepting(deadline)

    os.kill(int((standby.folder / "postmaster.pid").read_text().split()[0]), signal.SIGINT)
    accepting = standby._accepting
    monkeypatch.setattr(standby, "_accepting", ended_before_it_is_seen)
    with Watched(servers, standby, of=source):
        wait_until(lambda: len(starts) == 2, "a second start")
        standby.wait("SELECT pg_is_in_recovery()", seconds=60)

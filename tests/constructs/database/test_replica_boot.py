"""The boot of a replica node: its waits against stand-ins, its PostgreSQL for real.

What belongs to Amazon EC2 (volumes, the metadata service, systemd) is stood in for by commands
on the PATH that record how they were called.
"""

from __future__ import annotations

import os
import pwd
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local.postgres.binaries import BINARIES
from local.waiting import free_port, wait_until
from mainstay.database.replica_node import BOOT_SCRIPT

PASSWORDS = "password_of() { echo word-of-$1; }"


def boot(steps: str, tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run steps of the script, with stand-ins found first; a halt is recorded and not done."""
    stand_ins = tmp_path / "bin"
    command(stand_ins, "shutdown", 'echo "shutdown $*" >> "$CALLS"')
    environment = {
        "PATH": f"{stand_ins}:{BINARIES.folder / 'bin'}:{os.environ['PATH']}",
        "CALLS": str(tmp_path / "calls"),
        "MAINSTAY_SOURCED": "1",
        "VOLUME_ID": "vol-0123",
        "INTERFACE_ID": "eni-0123",
        "PART": "follower",
        "DATABASE": "mainstay",
        "CLIENT_RANGES": "127.0.0.0/8",
        "REPLICATION_SECRET": "replication",
        "NODES_SECRET": "nodes",
        "DATA": str(tmp_path / "data"),
        "ATTEMPTS": "3",
        "PAUSE": "0",
        "OWNER": "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name,
        **variables,
    }
    own = "" if os.geteuid() == 0 else 'as_postgres() { "$@"; }; chown() { :; }'
    script = f"source {shlex.quote(str(BOOT_SCRIPT))}\n{own}\n{PASSWORDS}\n{steps}\n"
    return subprocess.run(
        ["bash", "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
    )


def command(folder: Path, name: str, body: str) -> None:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/bash\n{body}\n")
    file.chmod(0o755)


def calls(tmp_path: Path) -> list[str]:
    file = tmp_path / "calls"
    return file.read_text().splitlines() if file.exists() else []


def volume_that_holds(tmp_path: Path, answer: int) -> None:
    """A device about which blkid answers so: 0 something, 2 nothing, 8 nobody knows."""
    (tmp_path / "device").touch()
    command(tmp_path / "bin", "mountpoint", "exit 1")
    command(tmp_path / "bin", "blkid", f"exit {answer}")
    for name in ("mkfs.xfs", "mount"):
        command(tmp_path / "bin", name, f'echo "{name}" >> "$CALLS"')


def test_formats_a_volume_that_nothing_was_ever_written_to(tmp_path):
    volume_that_holds(tmp_path, 2)
    done = boot("mount_volume", tmp_path, DEVICE=str(tmp_path / "device"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert calls(tmp_path) == ["mkfs.xfs", "mount"]


def test_never_formats_a_volume_that_holds_something(tmp_path):
    volume_that_holds(tmp_path, 0)
    assert boot("mount_volume", tmp_path, DEVICE=str(tmp_path / "device")).returncode == 0
    assert calls(tmp_path) == ["mount"]


def test_halts_rather_than_format_what_it_cannot_read(tmp_path):
    volume_that_holds(tmp_path, 8)
    done = boot("mount_volume", tmp_path, DEVICE=str(tmp_path / "device"))
    assert done.returncode != 0
    assert "cannot tell what" in done.stdout
    assert set(calls(tmp_path)) == {"shutdown -h now"}


def aws_that_lets_go_after(tmp_path: Path, looks: int) -> None:
    """A volume that a predecessor holds for this many looks, and then whoever asks for it."""
    command(
        tmp_path / "bin",
        "aws",
        f"""
        if [[ $2 == attach-volume ]]; then
          echo asked >> "$CALLS"
          (( $(grep -c asked "$CALLS") > {looks} )) && touch "$CALLS.ours"
          [[ -e $CALLS.ours ]]
        else
          [[ -e $CALLS.ours ]] && echo i-successor || echo i-predecessor
        fi""",
    )


def test_waits_until_its_predecessor_lets_go_of_the_volume(tmp_path):
    aws_that_lets_go_after(tmp_path, 1)
    steps = 'INSTANCE_ID=i-successor; until_done "the volume" volume_is_ours'
    done = boot(steps, tmp_path)
    assert done.returncode == 0, done.stdout
    assert calls(tmp_path) == ["asked", "asked"]


def test_halts_when_the_volume_is_held_for_too_long(tmp_path):
    aws_that_lets_go_after(tmp_path, 100)
    done = boot('INSTANCE_ID=i-successor; until_done "the volume" volume_is_ours', tmp_path)
    assert done.returncode != 0
    assert "gave up on the volume" in done.stdout
    assert calls(tmp_path)[:4] == ["asked", "asked", "asked", "shutdown -h now"]


class Node:
    """What the script made, served as systemd would."""

    def __init__(self, folder: Path, part: str, **variables: str) -> None:
        self.folder, self.part, self.variables = folder, part, variables
        self.port = free_port()
        self._server: subprocess.Popen | None = None

    def steps(self, steps: str) -> None:
        done = boot(steps, self.folder, PART=self.part, PGHOST=str(self.folder), **self.variables)
        assert done.returncode == 0, done.stdout + done.stderr

    def boot(self) -> None:
        """As at every boot: the steps in their order, with the server between them."""
        self.steps("prepare_directories; make_cluster; configure")
        data = self.folder / "data" / "pgdata"
        arguments = ["-D", str(data), "-p", str(self.port), "-k", str(self.folder)]
        self._server = BINARIES.serve(arguments, self.folder / "log")
        wait_until(self._ready, "the server", log=self.folder / "log")
        self.variables["PGPORT"] = str(self.port)
        self.steps("make_roles")

    def _ready(self) -> bool:
        asked = [BINARIES["pg_isready"], "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(asked, check=False, env=BINARIES.environment).returncode == 0

    def halt(self) -> None:
        if self._server is not None:
            self._server.terminate()
            self._server.wait(timeout=30)
            self._server = None

    def ask(self, sql: str) -> list[tuple]:
        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="mainstay",
            password="word-of-nodes",
            dbname="mainstay",
            sslmode="require",
            autocommit=True,
        ) as connection:
            cursor = connection.execute(sql)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def folders() -> Iterator[Path]:
    """Not of pytest, which closes its own folder to other accounts whenever a run begins."""
    with tempfile.TemporaryDirectory(prefix="mainstay-nodes-", dir="/tmp") as made:
        Path(made).chmod(0o755)  # the servers' account passes through
        yield Path(made)


def node_in(folders: Path, part: str, **variables: str) -> Node:
    folder = folders / part
    folder.mkdir()
    (folder / "data").mkdir()
    for path in (folder, folder / "data"):
        BINARIES.give(path)
    return Node(folder, part, **variables)


@pytest.fixture(scope="module")
def follower(folders) -> Iterator[Node]:
    node = node_in(folders, "follower")
    try:
        node.boot()
        yield node
    finally:
        node.halt()


@pytest.fixture(scope="module")
def delayed(folders, follower) -> Iterator[Node]:
    node = node_in(
        folders,
        "delayed",
        FOLLOWER_ADDRESS="127.0.0.1",
        DELAY_MINUTES="60",
        PGPORT=str(follower.port),
    )
    try:
        node.boot()
        yield node
    finally:
        node.halt()


def test_the_follower_takes_logical_replication_and_operations_over_tls(follower):
    assert follower.ask("SHOW wal_level") == [("logical",)]
    [(tls,)] = follower.ask("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    assert tls is True
    [(superuser,)] = follower.ask("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    assert superuser is True


def test_nobody_comes_in_without_tls_or_with_another_password(follower):
    for change in ({"sslmode": "disable"}, {"password": "guessed", "sslmode": "require"}):
        login: dict[str, Any] = {"user": "mainstay", "password": "word-of-nodes", **change}
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(host="127.0.0.1", port=follower.port, dbname="mainstay", **login)


def test_the_delayed_replica_has_what_the_follower_had_and_holds_back_what_comes(follower, delayed):
    follower.ask("CREATE TABLE IF NOT EXISTS kept (id int)")
    [(behind,)] = delayed.ask("SELECT pg_is_in_recovery()")
    assert behind is True
    assert delayed.ask("SHOW recovery_min_apply_delay") == [("1h",)]
    follower.ask("SELECT pg_switch_wal()")
    wait_until(
        lambda: delayed.ask("SELECT pg_last_wal_receive_lsn() IS NOT NULL")[0][0],
        "the delayed replica to receive something",
        log=delayed.folder / "log",
    )
    [(slot,)] = follower.ask("SELECT active FROM pg_replication_slots WHERE slot_name = 'delayed'")
    assert slot is True
    assert delayed.ask("SELECT to_regclass('kept')") == [(None,)]


def test_another_boot_finds_everything_as_it_was(follower, delayed):
    identifier = follower.ask("SELECT system_identifier FROM pg_control_system()")
    follower.halt()
    follower.boot()
    assert follower.ask("SELECT system_identifier FROM pg_control_system()") == identifier
    delayed.halt()
    delayed.boot()
    assert delayed.ask("SELECT system_identifier FROM pg_control_system()") == identifier
    assert delayed.ask("SELECT pg_is_in_recovery()") == [(True,)]
    configuration = (delayed.folder / "data" / "pgdata" / "postgresql.conf").read_text()
    assert configuration.count("include 'mainstay.conf'") == 1


def test_a_copy_that_was_cut_off_is_made_again(folders, follower):
    node = node_in(
        folders,
        "cut",
        FOLLOWER_ADDRESS="127.0.0.1",
        DELAY_MINUTES="60",
        PGPORT=str(follower.port),
    )
    node.part = "delayed"
    half = node.folder / "data" / "pgdata.new"
    half.mkdir()
    (half / "half").touch()
    node.steps("prepare_directories; make_cluster")
    assert (node.folder / "data" / "pgdata" / "standby.signal").exists()
    assert not half.exists()


def test_a_replica_that_asks_for_it_is_copied_anew_before_its_next_start(follower, delayed):
    """As `delayed follow --reclone` asks, when the replica was promoted."""
    delayed.ask("SELECT pg_promote(true, 60)")
    delayed.ask("CREATE TABLE only_here (id int)")
    request = delayed.folder / "data" / "pgdata.reclone"
    delayed.ask(f"COPY (SELECT 'follower') TO '{request}'")
    delayed.halt()
    delayed.variables["PGPORT"] = str(follower.port)
    delayed.steps("renew")
    assert not request.exists()
    delayed.boot()
    assert delayed.ask("SELECT pg_is_in_recovery(), to_regclass('only_here')") == [(True, None)]
    assert delayed.ask("SHOW recovery_min_apply_delay") == [("1h",)]
    before = (delayed.folder / "data" / "pgdata" / "PG_VERSION").stat().st_ctime_ns
    delayed.steps("renew")  # nobody asks: nothing happens
    assert (delayed.folder / "data" / "pgdata" / "PG_VERSION").stat().st_ctime_ns == before


def test_postgresql_is_started_again_whenever_it_ended(tmp_path):
    """What `delayed recover` and `follow` rely upon."""
    command(tmp_path / "bin", "systemctl", 'echo "$*" >> "$CALLS"')
    done = boot("as_postgres() { :; }; start", tmp_path, UNITS=str(tmp_path / "units"))
    assert done.returncode == 0, done.stdout + done.stderr
    unit = (tmp_path / "units" / "postgresql.service.d" / "mainstay.conf").read_text()
    assert "Restart=always" in unit
    assert "ExecStartPre=\nExecStartPre=+/var/lib/cloud/scripts/per-boot/mainstay.sh renew" in unit
    assert calls(tmp_path) == ["daemon-reload", "enable postgresql", "restart postgresql"]

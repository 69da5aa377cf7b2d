"""The servers of one test or drill, in one folder that goes when they go."""

from __future__ import annotations

import atexit
import os
import pwd
import random
import shutil
import socket
import tempfile
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Self

from local.postgres.administrator import administrator_statements
from local.postgres.binaries import BINARIES
from local.postgres.server import ADMINISTRATOR, SUPERUSER, PostgresServer

# As an Aurora cluster with logical replication is set up, in sizes for a small machine.
_SETTINGS = {
    "wal_level": "logical",
    "max_wal_senders": 20,
    "max_replication_slots": 20,
    "max_logical_replication_workers": 10,
    "max_sync_workers_per_subscription": 2,
    "max_worker_processes": 20,
    "max_connections": 100,
    # In the data folder, which goes with a killed server; /dev/shm would keep it until a reboot.
    "dynamic_shared_memory_type": "mmap",
    "shared_buffers": "32MB",
    "min_wal_size": "32MB",
    "track_commit_timestamp": "on",
    "hot_standby": "on",
    "wal_receiver_status_interval": "1s",
    "wal_retrieve_retry_interval": "500ms",
    "jit": "off",
    "autovacuum_naptime": "1h",  # nothing that a test did not start
    "max_slot_wal_keep_size": "1GB",
    "log_line_prefix": "%m %a ",
    "timezone": "UTC",
}
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}

# Where logins are not the subject: the replication role shows a password, as everywhere; who is on
# this machine may do the rest.
_HBA = """\
host all replicator 127.0.0.0/8 scram-sha-256
host replication replicator 127.0.0.0/8 scram-sha-256
host all all 127.0.0.0/8 trust
host replication all 127.0.0.0/8 trust
"""
# Behind a DatabaseListener: the machine's own accounts are the operator, and the listener for the
# users of tokens; everyone else shows a password. The administrator is a member of rds_iam for
# handing it on.
_JUDGED_HBA = f"""\
local all {SUPERUSER} peer map=machine
local replication {SUPERUSER} peer map=machine
local all {{administrator}} scram-sha-256
local all +rds_iam peer map=machine
local all all scram-sha-256
local replication all scram-sha-256
"""


Place = tuple[str, int]  # where a server listens; port 0 is any that is free
_ANY: Place = ("127.0.0.1", 0)


class PostgresServers:
    """Starts servers and ends all of them, killed or not, when its block is left.

    Start them from a thread that lives as long as they shall: the kernel ends a server with the
    thread that started it.
    """

    def __init__(self, *, durable: bool = False, administrator: str | None = None) -> None:
        """Without `durable` the disk is not waited for: faster, and only a crash of the machine
        would lose data; a killed server keeps its data either way.

        With `administrator`, the name of whom their secrets are of, servers judge logins and have
        sockets in place of ports, for a DatabaseListener.
        """
        self._administrator = administrator
        self._settings = _SETTINGS | ({} if durable else _NOT_DURABLE)
        self.folder = Path(tempfile.mkdtemp(prefix="mainstay-databases-"))
        BINARIES.give(self.folder)
        self._servers: list[PostgresServer] = []
        self._own: dict[Path, dict[str, Any]] = {}
        self._places = count(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def free_host(self, port: int) -> str:
        """Return an address of the loopback network, all of which is this machine, with the
        port free.
        """
        while True:
            last = random.randrange(1, 255)
            host = f"127.{random.randrange(128, 192)}.{random.randrange(256)}.{last}"
            with socket.socket() as probe:
                if probe.connect_ex((host, port)) != 0:
                    return host

    def start(self, name: str, at: Place = _ANY, /, **settings: Any) -> PostgresServer:
        """Return a new, empty server that accepts connections."""
        folder = self._place(name)
        BINARIES.copy(_initialised(), folder)
        if self._administrator is not None:
            _judge_logins(folder, self._administrator)
        settings = self._settings | {"cluster_name": name} | settings
        return self._started(name, folder, settings, at)

    def standby(
        self, name: str, at: Place = _ANY, /, *, of: PostgresServer, **settings: Any
    ) -> PostgresServer:
        """Return a physical standby that follows another server through a slot of its own.

        Settings such as recovery_min_apply_delay make it the delayed one.
        """
        folder = self._place(name)
        own = {"cluster_name": name} | settings
        _base_backup(folder, name, of, own, "--create-slot")
        self._own[folder] = own
        return self._started(name, folder, {}, at)

    def copy_again(self, standby: PostgresServer, *, of: PostgresServer) -> None:
        """Make a standby that does not run anew, from whom it followed."""
        shutil.rmtree(standby.folder, ignore_errors=True)
        _base_backup(standby.folder, standby.name, of, self._own[standby.folder])

    def clone(self, name: str, *, of: PostgresServer, **settings: Any) -> PostgresServer:
        """Return a copy of another server as it is now, which follows nobody: an Aurora clone."""
        folder = self._place(name)
        _new_folder(folder)
        BINARIES.run(
            *("pg_basebackup", "--pgdata", str(folder), "--dbname", of.dsn()),
            *("--wal-method", "stream", "--checkpoint", "fast", "--no-sync"),
        )
        return self._started(name, folder, {"cluster_name": name} | settings)

    def remove(self, server: PostgresServer) -> None:
        """End a server and its data."""
        server.kill()
        self._servers.remove(server)
        shutil.rmtree(server.folder, ignore_errors=True)

    def _place(self, name: str) -> Path:
        """Return a folder that no other server has, though it has the same name."""
        return self.folder / f"{next(self._places)}-{name}"

    def _started(
        self,
        name: str,
        folder: Path,
        settings: dict[str, Any],
        at: Place = _ANY,
    ) -> PostgresServer:
        socket_folder = None
        if self._administrator is not None:
            socket_folder = folder.with_name(f"{folder.name}.socket")
            _new_folder(socket_folder)
        server = PostgresServer(name, folder, host=at[0], port=at[1], socket=socket_folder)
        server.configure(**settings)
        self._servers.append(server)
        return server.start()


def _judge_logins(folder: Path, administrator: str) -> None:
    (folder / "pg_hba.conf").write_text(_JUDGED_HBA.format(administrator=administrator))
    own, servers = os.geteuid(), BINARIES.account.get("user", os.geteuid())
    accounts = {pwd.getpwuid(account).pw_name for account in (own, servers)}
    (folder / "pg_ident.conf").write_text("".join(f"machine {name} all\n" for name in accounts))


def _base_backup(
    folder: Path, name: str, of: PostgresServer, own: dict[str, Any], *more: str
) -> None:
    """A copy that will follow through the standby's slot, with a configuration of its own.

    As on a machine, that is in a file of its own: what ALTER SYSTEM sets comes on top and goes.
    """
    slot = f"standby_{name}".replace("-", "_")
    _new_folder(folder)
    BINARIES.run(
        *("pg_basebackup", "--pgdata", str(folder), "--dbname", of.dsn(application_name=name)),
        *("--write-recovery-conf", "--wal-method", "stream", "--checkpoint", "fast"),
        *("--no-sync", "--slot", slot, *more),
    )
    inherited = folder / "postgresql.auto.conf"
    lines = inherited.read_text().splitlines(keepends=True)
    inherited.write_text("".join(line for line in lines if line.split(" ")[0] not in own))
    with (folder / "postgresql.conf").open("a") as file:
        file.writelines(f"{setting} = '{value}'\n" for setting, value in own.items())


def _new_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    BINARIES.give(folder)


@cache
def _initialised() -> Path:
    """Return a data folder as `initdb` leaves it, with the administrator.

    Made once, copied after.
    """
    parent = Path(tempfile.mkdtemp(prefix="mainstay-initdb-"))
    atexit.register(shutil.rmtree, parent, ignore_errors=True)
    BINARIES.give(parent)
    folder = parent / "data"
    BINARIES.run(
        *("initdb", "--pgdata", str(folder), "--username", SUPERUSER, "--auth", "trust"),
        *("--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"),
        *("--wal-segsize", "4"),
    )
    (folder / "pg_hba.conf").write_text(_HBA)
    server = PostgresServer("initdb", folder)
    server.configure(**_SETTINGS, **_NOT_DURABLE)
    server.start()
    for statement in administrator_statements(ADMINISTRATOR):
        server.rows(statement, database="template1")  # whose rights every database begins with
    server.stop()
    return folder

"""A server to restore into, and a database on it that goes when the drill is over."""

from __future__ import annotations

import os
import pwd
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from dumps.errors import DumpError
from dumps.programs import program

_START_SECONDS = 60
SCRATCH = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_wal_size": "4GB",
    "maintenance_work_mem": "256MB",
}


@contextmanager
def scratch_database(dsn: str) -> Iterator[str]:
    """The connection string of a new database on the server of `dsn`."""
    name = f"drill_{secrets.token_hex(6)}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        quoted = sql.Identifier(name)
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(quoted)
        )
        try:
            yield make_conninfo(dsn, dbname=name)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(quoted))


@contextmanager
def scratch_server(folder: Path) -> Iterator[str]:
    """A server of our own in an empty folder; its `dsn`. Raises DumpError where none starts."""
    data = folder / "server"
    data.mkdir(mode=0o700)
    _give(folder, data)
    made = subprocess.run(
        [
            *(program("initdb"), "--pgdata", str(data), "--username", "postgres"),
            *("--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
        ],
        capture_output=True,
        text=True,
        cwd="/",
        **_account(),
    )
    if made.returncode:
        raise DumpError(f"initdb: {made.stderr.strip()}")
    with running(data, folder, SCRATCH) as dsn:
        yield dsn


@contextmanager
def running(
    data: Path, folder: Path, settings: dict[str, str], *, seconds: float = _START_SECONDS
) -> Iterator[str]:
    """A server on the cluster in `data`, reached by a socket in `folder` alone; its `dsn`.

    Everything of it is lost with the folder, so it waits for no disk. PostgreSQL refuses root: it
    runs as `nobody` then. Raises DumpError with the end of its log where it does not start within
    `seconds`.
    """
    _give(folder, data)
    log = folder / "server.log"
    given = {**settings, "listen_addresses": "", "unix_socket_directories": str(folder)}
    options = [part for name, text in given.items() for part in ("-c", f"{name}={text}")]
    with log.open("wb") as out:
        server = subprocess.Popen(
            [program("postgres"), "-D", str(data), *options],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd="/",
            **_account(),
        )
    try:
        dsn = make_conninfo("", host=str(folder), user="postgres", dbname="postgres")
        _wait(server, dsn, log, seconds)
        yield dsn
    finally:
        server.terminate()
        try:
            server.wait(timeout=_START_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _give(folder: Path, data: Path) -> None:
    """Let the server's account enter the folder, and own the cluster with all that is in it."""
    folder.chmod(0o755)
    account = _account()
    if not account:
        return
    os.chown(folder, account["user"], account["group"])
    for path in (data, *data.rglob("*")):
        os.chown(path, account["user"], account["group"], follow_symlinks=False)


def _wait(server: subprocess.Popen[Any], dsn: str, log: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while server.poll() is None and time.monotonic() < deadline:
        try:
            psycopg.connect(dsn, connect_timeout=5).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.1)
    lines = log.read_text(errors="replace").splitlines()[-3:]
    raise DumpError(f"the scratch server does not start: {' '.join(lines)}")


def _account() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

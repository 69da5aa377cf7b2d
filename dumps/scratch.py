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
    """A server of our own in an empty folder, reached by a socket in it alone; its `dsn`.

    Everything of it is lost with the folder, so it waits for no disk. PostgreSQL refuses root: it
    runs as `nobody` then. Raises DumpError with the end of its log where it does not start.
    """
    account = _account()
    data, log = folder / "server", folder / "server.log"
    folder.chmod(0o755)
    data.mkdir(mode=0o700)
    if account:
        for path in (folder, data):
            os.chown(path, account["user"], account["group"])
    run: dict[str, Any] = {"capture_output": True, "text": True, "cwd": "/", **account}
    made = subprocess.run(
        [
            *(program("initdb"), "--pgdata", str(data), "--username", "postgres"),
            *("--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
        ],
        **run,
    )
    if made.returncode:
        raise DumpError(f"initdb: {made.stderr.strip()}")
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(folder),
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "off",
        "max_wal_size": "4GB",
        "maintenance_work_mem": "256MB",
    }
    options = [part for name, text in settings.items() for part in ("-c", f"{name}={text}")]
    with log.open("wb") as out:
        server = subprocess.Popen(
            [program("postgres"), "-D", str(data), *options],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd="/",
            **account,
        )
    try:
        dsn = make_conninfo("", host=str(folder), user="postgres", dbname="postgres")
        _wait(server, dsn, log)
        yield dsn
    finally:
        server.terminate()
        try:
            server.wait(timeout=_START_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait(server: subprocess.Popen[Any], dsn: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
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

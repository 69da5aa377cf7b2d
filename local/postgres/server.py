"""One PostgreSQL server: its data folder, its port, and what an operator can do to it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from local.postgres.binaries import BINARIES
from local.process import alive
from local.waiting import NotInTimeError, free_port, is_free, wait_until

SUPERUSER = "postgres"
# What RDS gives the user that its secret names: no superuser, but everything that operations need.
ADMINISTRATOR = "administrator"
POSTGRES_PORT = 5432
_POLL_SECONDS = 0.02
# Of postmaster.pid: the key and the id of the segment (PostgreSQL, src/include/utils/pidfile.h).
_SEGMENT_LINE, _IPC_RMID = 6, 0


class NotReadyError(RuntimeError):
    """A server that does not answer within its bound; carries the end of its log."""


class PostgresServer:
    """A server that a test or drill starts, stops, kills and asks."""

    def __init__(
        self,
        name: str,
        folder: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        socket: Path | None = None,
    ) -> None:
        """`port` 0 is any that is free. With `socket`, a folder, it listens there and nowhere
        else, and its port is a name.
        """
        self.name = name
        self.folder = folder
        self.log_file = folder.parent / f"{folder.name}.log"
        self.socket = socket
        self.host = host if socket is None else str(socket)
        self.port = port if socket is None else POSTGRES_PORT
        self._fixed = self.port
        self._process: subprocess.Popen[Any] | None = None
        self._kept: dict[tuple[str, str], psycopg.Connection[Any]] = {}  # by database and user

    # ---------------------------------------------------------------------------------- life

    def start(self, *, seconds: float = 60) -> PostgresServer:
        """Serve on a free port, the one it had before if it is still free.

        Returns when connections are accepted; raises NotReadyError after `seconds`.
        """
        for _ in range(20):
            kept = self.port and is_free(self.port)
            self.port = self._fixed or (self.port if kept else free_port())
            self.configure(
                port=self.port,
                listen_addresses="" if self.socket else self.host,
                unix_socket_directories=self.socket or "",
            )
            self._process = BINARIES.serve(["-D", str(self.folder)], self.log_file)
            if self._accepting(seconds):
                return self
            if "Address already in use" not in self.log(5):
                break
            self.port = 0  # someone took it between the look and the start
        raise NotReadyError(f"{self.name} does not start:\n{self.log()}")

    def stop(self, mode: str = "fast", *, seconds: float = 30) -> None:
        """End the server: `smart`, `fast` (a clean shutdown) or `immediate` (a crash)."""
        if self._process is None:
            return
        self._hang_up()
        signals = {"smart": "SIGTERM", "fast": "SIGINT", "immediate": "SIGQUIT"}
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.Signals[signals[mode]])
        try:
            self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """SIGKILL to the server and every process of it at once, as when a machine is gone."""
        if self._process is None:
            return
        self._hang_up()
        pids = [self._process.pid, *_children(self._process.pid)]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._process = None
        wait_until(
            lambda: not any(map(alive, pids)),
            f"the end of {self.name}",
            seconds=10,
            pause=_POLL_SECONDS,
        )
        self._forget_segment()

    def _forget_segment(self) -> None:
        """Remove the shared memory by which a server is known to run, as a lost machine would.

        A killed server leaves it to the kernel, which takes 4,096 and then no server more.
        """
        with contextlib.suppress(FileNotFoundError, IndexError):
            place = (self.folder / "postmaster.pid").read_text().splitlines()[_SEGMENT_LINE]
            ctypes.CDLL(None).shmctl(int(place.split()[1]), _IPC_RMID, None)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def has_ended(self) -> bool:
        """Return whether it stopped by itself, or by somebody's signal.

        `stop` and `kill` did not.
        """
        return self._process is not None and self._process.poll() is not None

    @property
    def has_ended_well(self) -> bool:
        """Return whether it ended as after a signal to stop, with the exit code 0."""
        return self._process is not None and self._process.poll() == 0

    def configure(self, **settings: Any) -> None:
        """Write settings that the next start or reload reads; the last value counts."""
        with (self.folder / "postgresql.auto.conf").open("a") as file:
            for name, value in settings.items():
                quoted = str(value).replace("'", "''")
                file.write(f"{name} = '{quoted}'\n")

    def reload(self) -> None:
        """Make the running server read its settings again."""
        assert self._process is not None, f"{self.name} does not run"
        self._process.send_signal(signal.SIGHUP)

    # --------------------------------------------------------------------------------- asking

    def dsn(self, database: str = "postgres", user: str = SUPERUSER, **more: Any) -> str:
        """Return a libpq connection string.

        No password is asked of anyone but those named in HBA.
        """
        return make_conninfo(
            "",
            **({"connect_timeout": 5, "sslmode": "disable"} | more),
            **{"host": self.host, "port": self.port, "dbname": database, "user": user},
        )

    def connect(
        self, database: str = "postgres", user: str = SUPERUSER, *, autocommit: bool = True
    ) -> psycopg.Connection[Any]:
        return psycopg.connect(self.dsn(database, user), autocommit=autocommit)

    def rows(
        self, sql: str, *values: Any, database: str = "postgres", user: str = SUPERUSER
    ) -> list[tuple[Any, ...]]:
        """Return what a statement returns, in a connection of its own.

        [] where it returns nothing.
        """
        with self.connect(database, user) as connection:
            cursor = connection.execute(sql.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def value(self, sql: str, *values: Any, **where: str) -> Any:
        """Return the first column of the first row, or None."""
        rows = self.rows(sql, *values, **where)
        return rows[0][0] if rows else None

    def wait(
        self,
        sql: str,
        *values: Any,
        seconds: float = 30,
        database: str = "postgres",
        user: str = SUPERUSER,
    ) -> None:
        """Ask until the first column is true; NotReadyError after `seconds`.

        All in one connection, for each is a process of the server. A server that refuses the
        question is asked again, and one that refuses or ends the connection is called again.
        """
        with contextlib.ExitStack() as open_:
            connection = None

            def holds() -> bool:
                nonlocal connection
                try:
                    if connection is None or connection.closed:
                        connection = self.connect(database, user)
                        open_.callback(connection.close)
                    row = connection.execute(sql.encode(), values or None).fetchone()
                except psycopg.Error:
                    return False
                return bool(row and row[0])

            try:
                wait_until(
                    holds,
                    f"{sql} on {self.name}",
                    seconds=seconds,
                    pause=_POLL_SECONDS,
                    log=self.log_file,
                )
            except NotInTimeError as error:
                raise NotReadyError(error) from None

    def ask(
        self, sql: str, *values: Any, database: str = "postgres", user: str = SUPERUSER
    ) -> list[tuple[Any, ...]]:
        """Return what a question returns, as `rows`, in a connection that stays until the
        server ends.
        """
        kept = self._kept.get((database, user))
        if kept is not None and not kept.closed:
            try:
                return kept.execute(sql.encode(), values or None).fetchall()
            except psycopg.OperationalError:
                if not kept.closed:
                    raise
        # The first question, or the first one since the server was started again by another.
        kept = self._kept[database, user] = self.connect(database, user)
        return kept.execute(sql.encode(), values or None).fetchall()

    def log(self, lines: int = 20) -> str:
        """Return the end of what the server wrote."""
        if not self.log_file.exists():
            return ""
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])

    def _hang_up(self) -> None:
        """End the connections of `ask`: a server that stops smartly waits for its clients."""
        for connection in self._kept.values():
            connection.close()
        self._kept.clear()

    def _accepting(self, seconds: float) -> bool:
        """Return whether the server takes connections within `seconds`, and did not end before."""

        def connected() -> bool:
            with contextlib.suppress(psycopg.OperationalError):
                self.connect().close()
                return True
            return not self.is_running

        with contextlib.suppress(NotInTimeError):
            wait_until(connected, self.name, seconds=seconds, pause=_POLL_SECONDS)
            return self.is_running
        return False


def _children(pid: int) -> list[int]:
    """A server's processes are all its direct children."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()] if listed.exists() else []

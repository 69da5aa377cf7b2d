"""The entity store on one machine: masters A and B, follower L, delayed replica D, and operations.

Operations run as an operator runs them: the command line of the service's image, in a process of
its own, with the variables of a task definition.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import psycopg

from local.postgres import ADMINISTRATOR, SUPERUSER, PostgresServer, PostgresServers, Watched

DATABASE = "mainstay"
SERVERS = ("entity-a", "entity-b", "follower")
_ROOT = Path(__file__).resolve().parent.parent
# Whom operations connect as: what RDS manages has no superuser, an own machine has one.
_USERS = {
    "entity-a": ADMINISTRATOR,
    "entity-b": ADMINISTRATOR,
    "follower": SUPERUSER,
    "delayed": SUPERUSER,
}


class OperationError(RuntimeError):
    """An operation that was refused, or was not done within its timeout; carries its reason."""


class EntityTier:
    """Servers of the entity store after their first start; all end with the block."""

    def __init__(self, *, names: tuple[str, ...] = SERVERS, delay_seconds: float = 0) -> None:
        """Start `names`; `delay_seconds` is how far D stays behind, once `add_delayed` made it."""
        self._names = names
        self.delay_seconds = delay_seconds
        self.servers = PostgresServers()
        self.by_name: dict[str, PostgresServer] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._open.enter_context(self.servers)
        for name in self._names:
            keeps = {"wal_keep_size": "1GB"} if name == "follower" else {}
            self.by_name[name] = self.servers.start(name, **keeps)
        self.operate("bootstrap", "entity")
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def add_delayed(self) -> None:
        """Copy L into D, which follows it with its delay and is watched over."""
        follower = self.by_name["follower"]
        delayed = self.servers.standby(
            "delayed", of=follower, recovery_min_apply_delay=f"{round(self.delay_seconds * 1000)}ms"
        )
        self._open.enter_context(Watched(self.servers, delayed, of=follower))
        self.by_name["delayed"] = delayed

    def operate(self, *arguments: str, timeout: float = 120) -> Any:
        """Return the answer of one operation; OperationError with its reason where it fails."""
        done = subprocess.run(
            [sys.executable, "-m", "service.operations", "--timeout", str(timeout), *arguments],
            cwd=_ROOT,
            env=os.environ | self.variables,
            capture_output=True,
            text=True,
            check=False,
        )
        lines = done.stdout.splitlines()
        result = json.loads(lines[-1]) if lines else {"reason": done.stderr}
        if done.returncode:
            raise OperationError(f"{' '.join(arguments)}: {result.get('reason')}")
        return result["answer"]

    @property
    def variables(self) -> dict[str, str]:
        """Return the variables that a task definition would have for these servers."""
        found = {
            "DATABASE_NAME": DATABASE,
            "REPLICATION_PASSWORD": "a password of drills",
            "REPLICATION_SSLMODE": "disable",
            "AWS_DEFAULT_REGION": "us-east-1",  # asked for nothing
        }
        for name, server in self.by_name.items():
            prefix = name.upper().replace("-", "_")
            found[f"{prefix}_HOST"] = "127.0.0.1"
            found[f"{prefix}_PORT"] = str(server.port)
            found[f"{prefix}_USER"] = _USERS[name]
        return found

    def connect(self, name: str, user: str = ADMINISTRATOR) -> psycopg.Connection[Any]:
        return self.by_name[name].connect(DATABASE, user)

    def value(self, name: str, sql: str, *values: Any) -> Any:
        return self.by_name[name].value(sql, *values, database=DATABASE)

    def wait(self, name: str, sql: str, *values: Any, seconds: float = 60) -> None:
        self.by_name[name].wait(sql, *values, seconds=seconds, database=DATABASE)

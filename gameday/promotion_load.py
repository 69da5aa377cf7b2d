"""Clients of the entity store while its master dies: their answers, and when.

They do as the service does: a write goes to whatever the writer's endpoint points at and is tried
again until it is answered; a read goes to the master's own reader first, then to the master.
"""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Self

import psycopg

from local.postgres import PostgresServer

_AGAIN_SECONDS = 0.02  # between two tries of a client whose server is gone
_PAUSE_SECONDS = 0.002


@dataclass
class ClusterEndpoint:
    """A cluster endpoint: a name that a promotion points at another server."""

    server: PostgresServer


@dataclass
class ClientResult:
    """The results of one client; the times are of time.monotonic()."""

    acknowledged: dict[str, float] = field(default_factory=dict)  # account -> when
    answered: list[float] = field(default_factory=list)  # reads
    failed: list[float] = field(default_factory=list)  # tries, each followed by another


class PromotionLoad:
    """Writers and readers in threads, from enter to exit; each has a `ClientResult` of its own."""

    def __init__(
        self, writer: ClusterEndpoint, reader: PostgresServer, *, writers: int, readers: int
    ) -> None:
        self.writes = [ClientResult() for _ in range(writers)]
        self.reads = [ClientResult() for _ in range(readers)]
        self._writer = writer
        self._order = (reader, writer.server)
        self._over = threading.Event()
        self._threads = [
            *(threading.Thread(target=self._write, args=(seen,)) for seen in self.writes),
            *(threading.Thread(target=self._read, args=(seen,)) for seen in self.reads),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def acknowledged(self, *, after: float = 0) -> int:
        """Return the number of writes acknowledged since a moment."""
        return sum(
            when >= after for seen in self.writes for when in tuple(seen.acknowledged.values())
        )

    def first_write(self, *, after: float) -> float | None:
        """Return when the first write since a moment was acknowledged, or None."""
        times = [
            when
            for seen in self.writes
            for when in tuple(seen.acknowledged.values())
            if when >= after
        ]
        return min(times, default=None)

    def read_gap(self) -> float:
        """Return the longest that any client waited from one answer to its next, in seconds."""
        return max(
            later - earlier
            for seen in self.reads
            for earlier, later in zip(seen.answered, seen.answered[1:], strict=False)
        )

    def lost(self, server: PostgresServer, database: str) -> list[str]:
        """Accounts that were acknowledged and that a server does not have."""
        acknowledged = [account for seen in self.writes for account in seen.acknowledged]
        found = server.rows(
            "SELECT id::text FROM account WHERE id = ANY (%s::uuid[])",
            acknowledged,
            database=database,
        )
        return sorted(set(acknowledged) - {row[0] for row in found})

    def _write(self, seen: ClientResult) -> None:
        tenant = str(uuid.uuid4())
        connection, known = None, False
        while not self._over.wait(_PAUSE_SECONDS):
            try:
                connection = connection or _connection(self._writer.server, tenant)
                if not known:
                    connection.execute(
                        "INSERT INTO tenant (id, host, name) VALUES (%s, %s, 'T')"
                        " ON CONFLICT DO NOTHING",
                        (tenant, tenant),
                    )
                    known = True
                account = str(uuid.uuid4())
                connection.execute(
                    "INSERT INTO account (id, tenant_id, login, full_name)"
                    " VALUES (%s, %s, %s, 'A B')",
                    (account, tenant, account),
                )
                seen.acknowledged[account] = time.monotonic()
            except psycopg.Error:  # gone, or not a writer yet: whether it was written is unknown
                seen.failed.append(time.monotonic())
                connection = _closed(connection)
                self._over.wait(_AGAIN_SECONDS)
        _closed(connection)

    def _read(self, seen: ClientResult) -> None:
        connection, turn = None, 0
        while not self._over.wait(_PAUSE_SECONDS):
            try:
                connection = connection or _connection(self._order[turn], str(uuid.uuid4()))
                connection.execute("SELECT count(*) FROM account").fetchone()
                seen.answered.append(time.monotonic())
            except psycopg.Error:
                seen.failed.append(time.monotonic())
                connection = _closed(connection)
                turn = (turn + 1) % len(self._order)
        _closed(connection)


def _connection(server: PostgresServer, tenant: str) -> psycopg.Connection[Any]:
    connection = psycopg.connect(server.dsn("mainstay", "app_writer"), autocommit=True)
    connection.execute("SELECT set_config('app.tenant', %s, false)", (tenant,))
    return connection


def _closed(connection: psycopg.Connection[Any] | None) -> None:
    if connection is not None:
        connection.close()

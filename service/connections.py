"""Connections to one PostgreSQL server, in a pool that no caller and no server can drain.

psycopg's pool loses a connection for good where one of its own steps is cancelled, such as the one
that takes a connection back. So each use of a connection is a task of its own that nothing cancels:
a caller that leaves, or a server that hangs, ends it by hanging up the connection's socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

Connection = psycopg.AsyncConnection[Any]
Parameters = Callable[[], Awaitable[dict[str, Any]]]
T = TypeVar("T")

# No connection was given: whatever it was wanted for was not begun.
NO_CONNECTION = (PoolTimeout, TooManyRequests, PoolClosed)
# How long a request waits for a connection, and how many may.
_WAIT_SECONDS = 1.0
_WAITING_MAX = 64
# A pool that gave no connection for so long is compared with a connection past it.
STARVED_SECONDS = 10.0


class _Use:
    """One use of a connection, from outside."""

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.is_abandoned = False

    def abandon(self) -> None:
        """Hang up: a cancel would wait for the server, and could lose the connection."""
        self.is_abandoned = True
        if self.connection is None:
            return
        with contextlib.suppress(OSError, psycopg.Error):
            end = socket.socket(fileno=os.dup(self.connection.fileno()))
            try:
                end.shutdown(socket.SHUT_RDWR)
            finally:
                end.close()


class Connections:
    """At most `size` connections; `kwargs` returns libpq's parameters for a new one."""

    def __init__(self, name: str, kwargs: Parameters, *, size: int) -> None:
        self.name = name
        self._kwargs = kwargs
        self.has_given = False  # a connection, ever: the server is there
        self._starved_since: float | None = None
        self._tasks: set[asyncio.Future[Any]] = set()
        self.pool = AsyncConnectionPool(
            kwargs=kwargs,
            min_size=1,
            max_size=size,
            open=False,
            timeout=_WAIT_SECONDS,
            max_waiting=_WAITING_MAX,
            # Longer than a request, shorter than the life of an IAM token's session by far.
            max_lifetime=900.0,
            reconnect_timeout=2.0,
            num_workers=2,
            name=name,
        )

    async def use(self, work: Callable[[Connection], Awaitable[T]], *, seconds: float) -> T:
        """Return what `work` returns; TimeoutError where a connection is held for longer.

        Raises one of NO_CONNECTION where none is free in time, and what `work` raises.
        """
        use = _Use()
        task = self._keep(asyncio.ensure_future(self._run(use, work)))
        try:
            done, _ = await asyncio.wait([task], timeout=_WAIT_SECONDS + seconds)
            if done:
                return task.result()
            raise TimeoutError(f"{self.name} hangs")
        finally:
            if not task.done():
                use.abandon()

    async def _run(self, use: _Use, work: Callable[[Connection], Awaitable[T]]) -> T:
        try:
            async with self.pool.connection() as connection:
                self.has_given, self._starved_since = True, None
                if use.is_abandoned:
                    raise TimeoutError(f"nobody waits for {self.name} any more")
                use.connection = connection
                try:
                    return await work(connection)
                finally:
                    use.connection = None
        except NO_CONNECTION:
            self._starved_since = self._starved_since or time.monotonic()
            raise

    @property
    def counted(self) -> dict[str, Any]:
        """Return how many connections there are, and how many of them nobody uses."""
        found = self.pool.get_stats()
        return {"server": self.name, "open": found["pool_size"], "free": found["pool_available"]}

    def renew(self) -> None:
        """Replace every connection: the server went away, and took them with it."""
        self._keep(asyncio.ensure_future(self.pool.drain()))

    async def are_lost(self) -> bool:
        """Return whether the pool has none to give for long although the server takes new ones."""
        since = self._starved_since
        if since is None or time.monotonic() - since < STARVED_SECONDS:
            return False
        try:
            await (await psycopg.AsyncConnection.connect(**await self._kwargs())).close()
        except psycopg.Error:
            self._starved_since = time.monotonic()  # the server is away, so the pool may be empty
            return False
        try:
            await self.use(_nothing, seconds=_WAIT_SECONDS)
        except NO_CONNECTION:
            return True
        except (psycopg.Error, TimeoutError):
            pass
        return False

    def _keep(self, task: asyncio.Future[T]) -> asyncio.Future[T]:
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Future[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has seen it; else it changes nothing


async def _nothing(_: Connection) -> None:
    pass

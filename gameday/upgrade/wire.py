"""HTTP/1.1 as a client speaks it, over TLS: a request is sent once, whatever becomes of it."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections import deque
from dataclasses import dataclass

from gameday.upgrade.target import Entrance

# Below what a load balancer keeps an idle connection (60 s), so that it is never the one to close.
_IDLE_SECONDS = 20.0


class NoReplyError(Exception):
    """There was no whole answer; whether the request had its effect is unknown."""


@dataclass(frozen=True)
class Reply:
    """`headers` by lower-case name."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    since: float  # when it was given back, of time.monotonic()


class Wire:
    """Connections to the entrance, kept while they are used; each from an address of its own.

    Every address of 127.0.0.0/8 is this machine's, so that each connection is another client.
    """

    def __init__(self, entrance: Entrance, *, seconds: float) -> None:
        """`seconds` is the timeout of one request, connecting included."""
        self._entrance = entrance
        self._seconds = seconds
        self._idle: dict[str, deque[_Connection]] = {}
        self._tls = (
            ssl.create_default_context(cafile=entrance.authority) if entrance.authority else None
        )

    async def ask(
        self, tenant: str, method: str, path: str, *, headers: dict[str, str], body: bytes = b""
    ) -> Reply:
        """Return the answer to a request that is sent at most once. Raises NoReplyError."""
        try:
            async with asyncio.timeout(self._seconds):
                connection = await self._connection(tenant)
                try:
                    return await self._asked(connection, tenant, method, path, headers, body)
                except BaseException:
                    connection.writer.close()
                    raise
        except TimeoutError:
            raise NoReplyError(f"no answer within {self._seconds:g} s") from None
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            raise NoReplyError(f"{type(error).__name__}: {error}") from None

    async def _asked(
        self,
        connection: _Connection,
        tenant: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
    ) -> Reply:
        host = self._entrance.name(tenant)
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        connection.writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await connection.writer.drain()
        reply = await _read(connection.reader)
        if "close" in (reply.headers.get("connection", "").lower(), headers.get("Connection")):
            connection.writer.close()
        else:
            connection.since = time.monotonic()
            self._idle.setdefault(tenant, deque()).append(connection)
        return reply

    async def _connection(self, tenant: str) -> _Connection:
        """Return a connection that is idle and open, or a new one."""
        idle = self._idle.get(tenant, deque())
        while idle:
            found = idle.pop()
            fresh = time.monotonic() - found.since < _IDLE_SECONDS
            if fresh and not found.reader.at_eof() and not found.writer.is_closing():
                return found
            found.writer.close()
        reader, writer = await asyncio.open_connection(
            self._entrance.host,
            self._entrance.port,
            ssl=self._tls,
            server_hostname=self._entrance.name(tenant) if self._tls else None,
            local_addr=(f"127.{random.randrange(1, 64)}.{random.randrange(256)}.1", 0),
        )
        return _Connection(reader, writer, time.monotonic())

    def close(self) -> None:
        for idle in self._idle.values():
            for connection in idle:
                connection.writer.close()


async def _read(reader: asyncio.StreamReader) -> Reply:
    """Return a whole answer; ValueError or EOFError for anything else."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")[:-2]
    status = int(first.split(" ", 2)[1])
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    if status in (204, 304):
        return Reply(status, headers, b"")
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return Reply(status, headers, await _chunks(reader))
    return Reply(status, headers, await reader.readexactly(int(headers["content-length"])))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    found = b""
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        found += await reader.readexactly(size)
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass  # a trailer
    return found

"""An app server that remembers each request as it came over the wire, and answers with it.

It reads no more into a request than its framing; a server of the standard library would collapse
the leading slashes of a path before anybody saw them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self

# What a strict identity service answers 200, by its path as it comes; everything else is 404.
ROUTES = frozenset(
    {
        "/",
        "/login",
        "/ws",
        "/api/v1/authn",
        "/api/v1/users",
        "/api/v1/users/00u1",
        "/api/v1/users/a%20b%40example.com",
        "/api/v1/users/who%3Fme@example.com",
    }
)

_SWITCHING = b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
_HEAD = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n"


@dataclass(frozen=True)
class Received:
    """One request, as it arrived."""

    line: str  # latin-1: a character for each byte
    headers: tuple[tuple[str, str], ...]  # names in lower case
    body: bytes
    address: str  # where it arrived

    @property
    def method(self) -> str:
        return self.line.partition(" ")[0]

    @property
    def target(self) -> str:
        return self.line.partition(" ")[2].rpartition(" ")[0]

    def header(self, name: str) -> str | None:
        """Return the header's value; two of one name are no answer but an error."""
        [*values] = (value for found, value in self.headers if found == name)
        assert len(values) < 2, f"{name} arrived {len(values)} times"
        return values[0] if values else None


class RecordingUpstream:
    """Serves on 127.0.0.1 (or `addresses`), on a free port, in a thread, while the block runs.

    /slow waits `slow_seconds` before it answers. A request with `Upgrade: websocket` is answered
    101, and what follows is echoed. `delay` may be changed while serving.
    """

    def __init__(
        self,
        *,
        addresses: tuple[str, ...] = ("127.0.0.1",),
        port: int = 0,
        slow_seconds: float = 0.25,
        record: bool = True,
    ) -> None:
        self.port = port
        self.slow_seconds = slow_seconds
        self.head = b""  # header lines of every answer, each with its end
        self._addresses = addresses
        self._record = record
        self._lock = Lock()
        self._received: list[Received] = []
        self._ready = Event()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    @property
    def received(self) -> list[Received]:
        """Return every request so far, in the order of their arrival."""
        with self._lock:
            return list(self._received)

    def about(self, number: str) -> list[Received]:
        """Return the requests that carry this number in X-Probe, or smuggled in X-Smug."""
        return [
            request
            for request in self.received
            if number in (dict(request.headers).get("x-probe"), dict(request.headers).get("x-smug"))
        ]

    def forget(self) -> None:
        with self._lock:
            self._received.clear()

    def take(self, request: Received) -> None:
        if self._record:
            with self._lock:
                self._received.append(request)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._ready.set()
        self._loop.run_forever()
        for server in self._servers:
            server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _listen(self) -> None:
        self._servers = []
        for address in self._addresses:
            server = await self._loop.create_server(
                lambda address=address: _Connection(self, address),
                address,
                self.port,
                backlog=4_096,
            )
            self.port = server.sockets[0].getsockname()[1]
            self._servers.append(server)


class _Connection(asyncio.Protocol):
    """Requests of one connection, one after the other."""

    def __init__(self, upstream: RecordingUpstream, address: str) -> None:
        self._upstream = upstream
        self._address = address
        self._buffer = b""
        self._upgraded = False
        self._waiting = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        if self._upgraded:
            self._transport.write(data)
            return
        self._buffer += data
        self._serve()

    def _serve(self) -> None:
        while not self._waiting and (request := self._next()) is not None:
            self._upstream.take(request)
            answer = self._answer(request)
            if request.target.startswith("/slow"):
                self._waiting = True
                asyncio.get_running_loop().call_later(
                    self._upstream.slow_seconds, self._answer_late, answer
                )
            else:
                self._write(answer)

    def _answer_late(self, answer: bytes) -> None:
        self._waiting = False
        self._write(answer)
        self._serve()

    def _write(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)
            if self._upgraded and self._buffer:
                self._transport.write(self._buffer)
                self._buffer = b""

    def _next(self) -> Received | None:
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator or self._upgraded:
            return None
        line, *lines = head.decode("latin-1").split("\r\n")
        pairs = (item.partition(":") for item in lines)
        headers = tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)
        framing = _body_of(dict(headers), rest)
        if framing is None:
            return None
        body, self._buffer = framing
        return Received(line, headers, body, self._address)

    def _answer(self, request: Received) -> bytes:
        headers = dict(request.headers)
        if headers.get("upgrade") == "websocket":
            self._upgraded = True
            return _SWITCHING
        known = request.target.partition("?")[0] in ROUTES
        status = b"200 OK" if known or request.target.startswith("/slow") else b"404 Not Found"
        body_values = {"method": request.method, "target": request.target, "address": self._address}
        body = json.dumps(body_values).encode()
        shown = b"" if request.method == "HEAD" else body
        return _HEAD % (status, self._upstream.head, len(body)) + shown


def _body_of(headers: Mapping[str, str], rest: bytes) -> tuple[bytes, bytes] | None:
    """Return the body and what follows it; None until it is whole."""
    if headers.get("transfer-encoding") == "chunked":
        return _chunks(rest)
    length = int(headers.get("content-length", 0))
    return (rest[:length], rest[length:]) if len(rest) >= length else None


def _chunks(rest: bytes) -> tuple[bytes, bytes] | None:
    body = b""
    while True:
        size, separator, rest = rest.partition(b"\r\n")
        if not separator:
            return None
        length = int(size, 16)
        if len(rest) < length + 2:
            return None
        body, rest = body + rest[:length], rest[length + 2 :]
        if length == 0:
            return body, rest

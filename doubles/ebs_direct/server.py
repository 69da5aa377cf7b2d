"""The cloud on the loopback interface: one thread, HTTP/1.1, as little work per block as can be."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from doubles.ebs_direct.cloud import Cloud, Killed
from doubles.ebs_direct.faults import ConnectionLost, Stalled
from doubles.ebs_direct.http import Response, SignedRequest

_REASONS = {200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 206: "Partial Content"}


class _Connection(asyncio.Protocol):
    """One connection: requests in order, bodies in a buffer of the announced size."""

    def __init__(self, cloud: Cloud, delay: float) -> None:
        self._cloud, self._delay = cloud, delay
        self._head = bytearray()
        self._request: tuple[str, str, dict[str, str]] | None = None
        self._body = bytearray()
        self._filled = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(high=2**24)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        while data:
            data = self._take_head(data) if self._request is None else self._take_body(data)
            if self._request is not None and self._filled == len(self._body):
                self._answer()

    def _take_head(self, data: bytes) -> bytes:
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            return b""
        rest = bytes(self._head[end + 4 :])
        lines = self._head[:end].decode("latin-1").split("\r\n")
        self._head.clear()
        method, target, _ = lines[0].split(" ", 2)
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        self._request = (method, target, headers)
        self._body, self._filled = bytearray(int(headers.get("content-length", 0))), 0
        if headers.get("expect") and self._transport:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return rest

    def _take_body(self, data: bytes) -> bytes:
        wanted = len(self._body) - self._filled
        part = data[:wanted]
        self._body[self._filled : self._filled + len(part)] = part
        self._filled += len(part)
        return data[wanted:]

    def _answer(self) -> None:
        assert self._request is not None
        method, target, headers = self._request
        request = SignedRequest.read(method, target, headers, bytes(self._body))
        self._request, self._body = None, bytearray()
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._perform, request)
        else:
            self._perform(request)

    def _perform(self, request: SignedRequest) -> None:
        if self._transport is None:
            return
        if request.path == "/__stats":
            self._send(Response(status=200, body=json.dumps(self._cloud.calls).encode()), request)
            return
        try:
            self._send(self._cloud.answer(request), request)
        except Stalled:
            return
        except Killed:
            self._transport.abort()
        except ConnectionLost as lost:
            if lost.answer is not None:
                self._send(lost.answer, request, lost.sent)
            self._transport.close()

    def _send(self, answer: Response, request: SignedRequest, sent: int | None = None) -> None:
        assert self._transport is not None
        headers = {"content-length": str(len(answer.body)), **answer.headers}
        head = f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Status')}\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in headers.items()
        )
        self._transport.write(head.encode("latin-1") + b"\r\n")
        if request.method != "HEAD":
            self._transport.write(answer.body if sent is None else answer.body[:sent])


@contextmanager
def serving(cloud: Cloud, *, port: int = 0, delay: float = 0) -> Iterator[str]:
    """Serve on a free port of 127.0.0.1, each answer `delay` seconds late; yields the URL."""
    loop = asyncio.new_event_loop()
    start = loop.create_server(lambda: _Connection(cloud, delay), "127.0.0.1", port)
    server = loop.run_until_complete(start)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()

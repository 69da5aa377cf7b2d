"""LeanConnections that are kept alive, by the standard library alone.

urllib3, and the e-mail parser with which http.client reads a header, take 0.12 ms of processor
time around a request; this takes 0.04 ms, the signature included.
"""

from __future__ import annotations

import select
import ssl
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import Any, cast
from urllib.parse import urlsplit

from functions.block_archive.botocore_blocks import filled
from functions.block_archive.bucket import Body

_FIELDS = 100  # of an answer, at most; as http.client has it
_LINE = 65_536  # bytes


@dataclass(frozen=True)
class HttpAnswer:
    """An answer, whole."""

    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes  # empty where it went into a buffer
    received: int


class LeanConnections:
    """The idle connections of each origin, for every thread; limits are in seconds."""

    def __init__(self, *, connect: float, read: float, bundle: str) -> None:
        self._connect, self._read = connect, read
        self._bundle, self._context = bundle, None
        self._idle: dict[str, list[HTTPConnection]] = defaultdict(list)

    def exchange(
        self,
        origin: str,
        method: str,
        target: str,
        headers: dict[str, str],
        body: Body | None,
        into: memoryview | None,
    ) -> HttpAnswer:
        """Send one request, and return its answer; the body of a good one goes into the buffer.

        `headers` are all that is sent, and give the body's length. Raises OSError or HTTPException.
        """
        connection = self._connection(origin)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = cast("_Answer", connection.getresponse())  # its response_class
            if into is not None and answer.status < 300:
                content, received = b"", _into(answer, into)
            else:
                content = answer.read()
                received = len(content)
        except BaseException:
            connection.close()
            raise
        if connection.sock is not None:  # else the answer was the last one of it
            self._idle[origin].append(connection)
        return HttpAnswer(answer.status, answer.fields, content, received)

    def _connection(self, origin: str) -> HTTPConnection:
        idle = self._idle[origin]
        while idle:
            try:
                connection = idle.pop()
            except IndexError:  # another thread was faster
                break
            if not _readable(connection.sock):
                return connection
            connection.close()  # the server has hung up, or says what nobody asked for
        url = urlsplit(origin)
        options: dict[str, Any] = {"port": url.port, "timeout": self._connect}
        if url.scheme == "https":
            options["context"] = self._context or self._trusting()
        kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
        connection = kind(url.hostname or "", **options)
        connection.response_class = _Answer
        connection.connect()
        connection.sock.settimeout(self._read)
        return connection

    def _trusting(self) -> ssl.SSLContext:
        self._context = ssl.create_default_context(cafile=self._bundle)
        return self._context


class _Answer(HTTPResponse):
    """Reads an answer's header `fields` without the e-mail parser; the rest is the base class's."""

    fields: dict[str, str]  # names in lower case

    def begin(self) -> None:
        if self.headers is not None:
            return
        base: Any = self  # the stubs leave out what the base class's own `begin` calls
        read_status: Callable[[], tuple[str, int, str]] = base._read_status
        version, status, self.reason = read_status()
        while status == 100:
            _fields(self.fp)
            version, status, self.reason = read_status()
        self.status = self.code = status
        self.version = 10 if version == "HTTP/1.0" else 11
        base.headers = base.msg = self.fields = headers = _fields(self.fp)
        base.chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        self.chunk_left = None
        length = headers.get("content-length")
        self.length = None if self.chunked or length is None else int(length)
        if status in (204, 304) or base._method == "HEAD":
            self.length = 0
        endless = self.length is None and not self.chunked
        self.will_close = endless or bool(base._check_close())


def _fields(file: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for _ in range(_FIELDS):
        line = file.readline(_LINE + 1)
        if line in (b"\r\n", b"\n"):
            return found
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or len(line) > _LINE:
            raise HTTPException(f"an answer's header ends in {line[:40]!r}")
        found[name.lower()] = value.strip()
    raise HTTPException(f"an answer has more than {_FIELDS} header fields")


def _into(answer: HTTPResponse, into: memoryview) -> int:
    """Read the body into a buffer; returns its length. Raises HTTPException or OSError."""
    if answer.length == len(into):
        answer.readinto(into)  # straight from the socket
        received = len(into) - (answer.length or 0)
    else:
        received = filled(answer.read, into)
    if answer.length:
        raise IncompleteRead(b"", answer.length)
    return received


def _readable(sock: Any) -> bool:
    ready = select.poll()
    ready.register(sock, select.POLLIN)
    return bool(ready.poll(0))

"""HTTP/1.1 messages as bytes: heads that are read and written, bodies that are passed on."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field

HEAD_LIMIT = 64 * 1024  # bytes; an ALB takes 16 kB per line and 64 kB in all
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


class MessageError(Exception):
    """What was read is no HTTP/1.1, or may be read in two ways."""


@dataclass(kw_only=True)
class Head:
    """The first line and the fields, names in the case in which they came."""

    first: tuple[bytes, bytes, bytes]  # method, target, version; or version, status, reason
    fields: list[tuple[bytes, bytes]] = field(default_factory=list)

    def get(self, name: bytes) -> bytes | None:
        """Return the values of a field, joined by commas; None where it is absent."""
        values = [value for key, value in self.fields if key.lower() == name]
        return b", ".join(values) if values else None

    def drop(self, *names: bytes) -> None:
        self.fields = [(key, value) for key, value in self.fields if key.lower() not in names]

    def put(self, name: bytes, value: bytes) -> None:
        """Set a field to one value, at its first place."""
        for index, (key, _) in enumerate(self.fields):
            if key.lower() == name.lower():
                self.fields[index] = (key, value)
                rest = [f for f in self.fields[index + 1 :] if f[0].lower() != name.lower()]
                self.fields[index + 1 :] = rest
                return
        self.fields.append((name, value))

    def encode(self) -> bytes:
        lines = [b" ".join(self.first), *(b": ".join(pair) for pair in self.fields)]
        return b"\r\n".join(lines) + b"\r\n\r\n"


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """Return the next head, or None where the peer sends nothing more.

    Raises MessageError where it is none, and ConnectionError where it ends in the middle.
    """
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial.strip():
            raise ConnectionError("the head of a message ended in the middle") from None
        return None
    except asyncio.LimitOverrunError:
        raise MessageError("a head should be at most 64 kB") from None
    first, *lines = raw[:-4].lstrip(b"\r\n").split(b"\r\n")
    parts = first.split(b" ", 2)
    if len(parts) < 2:
        raise MessageError(f"no HTTP: {first[:80]!r}")
    if len(parts) == 2:
        parts.append(b"")  # an answer may come without a reason
    fields = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _TOKEN.fullmatch(name):
            raise MessageError(f"no header field: {line[:80]!r}")
        fields.append((name, value.strip(b" \t")))
    return Head(first=(parts[0], parts[1], parts[2]), fields=fields)


@dataclass(frozen=True)
class Body:
    """How long a body is: `length` bytes, in chunks, or until its sender closes."""

    length: int = 0
    chunked: bool = False
    until_close: bool = False

    @property
    def empty(self) -> bool:
        return not (self.length or self.chunked or self.until_close)


def request_body(head: Head) -> Body:
    """Raises MessageError where two readers might disagree (request smuggling)."""
    coding, length = head.get(b"transfer-encoding"), head.get(b"content-length")
    if coding is not None:
        if coding.lower() != b"chunked" or length is not None:
            raise MessageError("a request should have one length")
        return Body(chunked=True)
    if length is not None and not length.isdigit():
        raise MessageError(f"a length should be a number, got {length!r}")
    return Body(length=int(length or 0))


def answer_body(head: Head, method: bytes) -> Body:
    status = int(head.first[1])
    if method == b"HEAD" or status in (204, 304) or status < 200:
        return Body()
    if (head.get(b"transfer-encoding") or b"").lower().endswith(b"chunked"):
        return Body(chunked=True)
    length = head.get(b"content-length")
    return Body(until_close=True) if length is None else Body(length=int(length))


async def pass_on(body: Body, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Pass a body on as it comes. Raises ConnectionError where its sender breaks off."""
    try:
        if body.chunked:
            await _pass_chunks(source, sink)
        elif body.until_close:
            while piece := await source.read(65536):
                sink.write(piece)
                await sink.drain()
        else:
            await _pass_bytes(body.length, source, sink)
    except asyncio.IncompleteReadError:
        raise ConnectionError("a body ended in the middle") from None


async def _pass_bytes(count: int, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while count:
        piece = await source.read(min(count, 65536))
        if not piece:
            raise ConnectionError("a body ended in the middle")
        count -= len(piece)
        sink.write(piece)
        await sink.drain()


async def _pass_chunks(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while True:
        line = await source.readuntil(b"\r\n")
        sink.write(line)
        try:
            size = int(line.partition(b";")[0].strip(), 16)
        except ValueError:
            raise ConnectionError(f"no chunk: {line[:40]!r}") from None
        if size == 0:
            break
        await _pass_bytes(size + 2, source, sink)
    while True:  # trailers, then an empty line
        line = await source.readuntil(b"\r\n")
        sink.write(line)
        if line == b"\r\n":
            await sink.drain()
            return

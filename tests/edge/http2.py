"""HTTP/2 byte for byte: one request on a connection of its own, with whatever header fields.

Header fields are sent as literals without compression, in the order given and unchecked; of an
answer's fields the status alone is read, which nginx sends first.
"""

from __future__ import annotations

import json
import socket
import struct
from dataclasses import dataclass

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _GOAWAY, _CONTINUATION = 0, 1, 3, 4, 7, 9
_FRAME_MAX = 16_384  # until a peer's settings allow more
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
# RFC 7541, appendix A: the statuses that have an index of their own.
_INDEXED = dict(zip(range(0x88, 0x8F), (200, 204, 206, 304, 400, 404, 500), strict=True))


@dataclass(frozen=True)
class Answer:
    """`status` is None when the stream or the connection was ended instead."""

    status: int | None
    body: bytes = b""

    @property
    def reason(self) -> str | None:
        return json.loads(self.body or b"{}").get("reason")


def ask(
    address: tuple[str, int], fields: list[tuple[bytes, bytes]], body: bytes | None = None
) -> Answer:
    """Send one request by prior knowledge, without TLS, and read until its stream ends."""
    with socket.create_connection(address, timeout=10) as connection:
        ended = _END_STREAM if body is None else 0
        frames = [_PREFACE, _frame(_SETTINGS, 0, 0, b""), *_head(_block(fields), ended)]
        if body is not None:
            frames.append(_frame(_DATA, _END_STREAM, 1, body))
        connection.sendall(b"".join(frames))
        return _read(connection)


def _read(connection: socket.socket) -> Answer:
    status, body = None, b""
    with connection.makefile("rb") as stream:
        while len(head := stream.read(9)) == 9:
            length, kind, flags = int.from_bytes(head[:3]), head[3], head[4]
            payload = stream.read(length)
            if kind == _HEADERS and status is None:
                status = _status(payload)
            elif kind == _DATA:
                body += payload
            elif kind == _SETTINGS and not flags & _ACK:
                connection.sendall(_frame(_SETTINGS, _ACK, 0, b""))
            elif kind in (_RESET, _GOAWAY):
                break
            if kind in (_HEADERS, _DATA) and flags & _END_STREAM:
                break
    return Answer(status, body)


def _status(block: bytes) -> int:
    """nginx may first change the size of the table; then the status stands first."""
    while block[0] & 0xE0 == 0x20:
        block = block[1:]
    if block[0] in _INDEXED:
        return _INDEXED[block[0]]
    # A literal, kept in the table or not: the index of the name, three digits.
    assert block[:2] in (b"\x08\x03", b"\x48\x03"), block[:8]
    return int(block[2:5])


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _head(block: bytes, ended: int) -> list[bytes]:
    parts = [block[at : at + _FRAME_MAX] for at in range(0, len(block), _FRAME_MAX)]
    kinds = [_HEADERS, *[_CONTINUATION] * (len(parts) - 1)]
    flags = [ended, *[0] * (len(parts) - 1)]
    flags[-1] |= _END_HEADERS
    return [_frame(*each[:2], 1, each[2]) for each in zip(kinds, flags, parts, strict=True)]


def _block(fields: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"\x00" + _text(name) + _text(value) for name, value in fields)


def _text(text: bytes) -> bytes:
    """A string literal: its length as an integer of seven bits and as many more as it needs."""
    length = len(text)
    if length < 127:
        return bytes([length]) + text
    head, length = bytes([127]), length - 127
    while length >= 128:
        head, length = head + bytes([length % 128 | 128]), length >> 7
    return head + bytes([length]) + text

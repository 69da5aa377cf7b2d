"""HTTP/1.1 byte for byte: what is given is sent, and what comes back is taken apart by hand.

Client libraries repair requests; the ones that matter here are those that need it.
"""

from __future__ import annotations

import contextlib
import socket
import time
from dataclasses import dataclass, field

_LARGEST_READ = 262_144


class NoAnswerError(Exception):
    """The connection neither answered nor closed in time."""


@dataclass(frozen=True)
class WireAnswer:
    """One answer; `status` is None when the bytes are no HTTP/1 at all."""

    status: int | None
    headers: dict[str, str] = field(default_factory=dict)  # names in lower case; the last wins
    body: bytes = b""
    repeated: frozenset[str] = frozenset()  # names that came more than once


def exchange(
    address: tuple[str, int],
    request: bytes,
    *,
    expected: int = 1,
    half_close: bool = False,
    seconds: float = 10,
) -> list[WireAnswer]:
    """Send on a connection of its own and read until the other side closes; every answer of it.

    What was sent is followed by the end of the stream once `expected` answers are whole (at once
    with `half_close`), so that a keep-alive connection ends too, and an answer too many is seen.
    Raises NoAnswerError after `seconds`.
    """
    end = time.monotonic() + seconds
    received = b""
    with socket.create_connection(address, timeout=seconds) as connection:
        # A server may answer and close before it has read everything.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)
        closed = half_close
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        while True:
            if not closed and _whole(received, expected, _head_only(request)):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)
                closed = True
            connection.settimeout(max(0.01, end - time.monotonic()))
            try:
                data = connection.recv(_LARGEST_READ)
            except TimeoutError:
                raise NoAnswerError(f"nothing more within {seconds} s of {received!r}") from None
            except ConnectionResetError:
                break
            if not data:
                break
            received += data
    return answers(received, head_only=_head_only(request))


def answers(received: bytes, *, head_only: bool = False) -> list[WireAnswer]:
    """Return the answers in what was received.

    Bytes that are no HTTP/1 are one answer without status.
    """
    found = []
    while received:
        taken = _take(received, head_only)
        if taken is None:
            found.append(WireAnswer(None, body=received))
            break
        answer, received = taken
        if answer.status is None or answer.status >= 200 or answer.status == 101:
            found.append(answer)
        if answer.status == 101:
            break  # the rest is another protocol's
    return found


def _take(received: bytes, head_only: bool) -> tuple[WireAnswer, bytes] | None:
    """Return the first whole answer and what follows it."""
    head, separator, rest = received.partition(b"\r\n\r\n")
    line, *lines = head.split(b"\r\n")
    words = line.split(b" ", 2)
    if not separator or len(words) < 2 or not words[0].startswith(b"HTTP/1."):
        return None
    pairs = [
        tuple(part.strip().decode("latin-1") for part in item.split(b":", 1)) for item in lines
    ]
    names = [pair[0].lower() for pair in pairs]
    headers = dict(zip(names, (pair[-1] for pair in pairs), strict=True))
    status = int(words[1])
    length = int(headers.get("content-length", 0))
    if head_only or status in (204, 304) or status < 200:
        length = 0
    if headers.get("transfer-encoding") == "chunked" and not head_only:
        body, rest = _unchunked(rest)
    else:
        if len(rest) < length:
            return None
        body, rest = rest[:length], rest[length:]
    repeated = frozenset(name for name in names if names.count(name) > 1)
    return WireAnswer(status, headers, body, repeated), rest


def _unchunked(rest: bytes) -> tuple[bytes, bytes]:
    body = b""
    while True:
        size, separator, rest = rest.partition(b"\r\n")
        if not separator:
            return body, b""
        length = int(size, 16)
        body, rest = body + rest[:length], rest[length + 2 :]
        if length == 0:
            return body, rest


def _whole(received: bytes, expected: int, head_only: bool) -> bool:
    if received and not b"HTTP/".startswith(received[:5]):
        return True  # another protocol: there is no telling where its answer ends
    for _ in range(expected):
        taken = _take(received, head_only)
        if taken is None:
            return False
        received = taken[1]
    return True


def _head_only(request: bytes) -> bool:
    return request.lstrip().startswith(b"HEAD ")

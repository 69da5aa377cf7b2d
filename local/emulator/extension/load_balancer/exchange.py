"""One request and its answer between a client and a target."""

from __future__ import annotations

import asyncio
import contextlib
from typing import NamedTuple

from local.emulator.extension.load_balancer.health import RegisteredTarget
from local.emulator.extension.load_balancer.message import (
    Body,
    Head,
    MessageError,
    answer_body,
    pass_on,
    read_head,
)
from local.emulator.extension.load_balancer.metrics import Count
from local.emulator.extension.load_balancer.targets import TargetConnection, TargetConnections


class UnansweredError(Exception):
    """The target gave no answer: the load balancer gives `status`."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Peer(NamedTuple):
    """The client's connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Way(NamedTuple):
    """How the target is reached, and how long its silence is borne, in seconds."""

    target: RegisteredTarget
    secure: bool
    seconds: float


async def exchange(
    peer: Peer,
    way: Way,
    head: Head,
    body: Body,
    connections: TargetConnections,
    count: Count,
    *,
    last: bool,
) -> bool:
    """Pass a request on and its answer back; whether the client may send another one.

    `last` is whether the client's connection closes in any case.

    Raises UnansweredError where the client has got nothing yet, OSError where it got a part.
    """
    connection = await _connect(connections, way)
    sending = asyncio.create_task(_send(peer, connection, head, body))
    try:
        answer = await _wait(connection, way.seconds)
        if answer is None and not connection.fresh and body.empty:
            sending.cancel()  # the target had just closed a connection that was idle
            connection.writer.close()
            connection = await _connect(connections, way, fresh=True)
            sending = asyncio.create_task(_send(peer, connection, head, body))
            answer = await _wait(connection, way.seconds)
        if answer is None:
            raise UnansweredError(502)
        count.answered(int(answer.first[1]))
        if answer.first[1] == b"101":
            peer.writer.write(answer.encode())
            await _tunnel(peer, connection)
            return False
        kept = await _pass_answer(
            peer, connection, answer, answer_body(answer, head.first[0]), last=last
        )
        complete = sending.done()  # a target may answer before it has read the whole request
        if complete and kept:
            connections.give(way.target, connection, secure=way.secure)
            connection = None
        return complete and answer.get(b"connection") != b"close"
    finally:
        sending.cancel()
        if connection is not None:
            connection.writer.close()


async def _connect(
    connections: TargetConnections, way: Way, *, fresh: bool = False
) -> TargetConnection:
    try:
        return await connections.take(way.target, secure=way.secure, fresh=fresh)
    except TimeoutError:
        raise UnansweredError(504) from None
    except OSError:
        raise UnansweredError(502) from None


async def _send(peer: Peer, connection: TargetConnection, head: Head, body: Body) -> None:
    with contextlib.suppress(OSError):
        connection.writer.write(head.encode())
        await connection.writer.drain()
        await pass_on(body, peer.reader, connection.writer)


async def _wait(connection: TargetConnection, seconds: float) -> Head | None:
    """Return the head of the answer; None where the target closed without one."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                head = await read_head(connection.reader)
                if head is None or int(head.first[1]) == 101 or int(head.first[1]) >= 200:
                    return head
    except TimeoutError:
        raise UnansweredError(504) from None
    except OSError:
        return None
    except (MessageError, ValueError):
        raise UnansweredError(502) from None


async def _pass_answer(
    peer: Peer, connection: TargetConnection, answer: Head, body: Body, *, last: bool
) -> bool:
    """Return whether the target's connection may be used again.

    `answer` decides that of the client's.
    """
    ends = (answer.get(b"connection") or b"").lower() == b"close" or answer.first[0] == b"HTTP/1.0"
    answer.drop(b"connection", b"keep-alive")
    answer.put(b"Connection", b"close" if last or body.until_close else b"keep-alive")
    answer.first = (b"HTTP/1.1", *answer.first[1:])
    peer.writer.write(answer.encode())
    await pass_on(body, connection.reader, peer.writer)
    await peer.writer.drain()
    return not (ends or body.until_close)


async def _tunnel(peer: Peer, connection: TargetConnection) -> None:
    """Bytes both ways, after a switch of protocols, until either side closes."""
    everything = Body(until_close=True)
    ways = [
        asyncio.create_task(pass_on(everything, peer.reader, connection.writer)),
        asyncio.create_task(pass_on(everything, connection.reader, peer.writer)),
    ]
    _, others = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    for other in others:
        other.cancel()

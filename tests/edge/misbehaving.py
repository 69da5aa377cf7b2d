"""An app at several addresses of this machine, each of which behaves as a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import defaultdict
from collections.abc import Iterator
from threading import Event, Thread
from types import TracebackType
from typing import Literal, Self

Behaviour = Literal["answer", "slow", "hang", "close", "reset", "503", "refuse", "unreachable"]
SLOW_SECONDS = 0.5
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
_UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nno\n"
_LINGER_NOT = struct.pack("ii", 1, 0)


class MisbehavingApp:
    """Serves on one port of `addresses`, in a thread, while the block runs.

    `arrived[number]` is where the request with that X-Probe arrived, each time it did.
    """

    def __init__(self, addresses: tuple[str, ...]) -> None:
        self.port = 0
        self.arrived: dict[str, list[str]] = defaultdict(list)
        self._addresses = addresses
        self._behaviours: dict[str, Behaviour] = dict.fromkeys(addresses, "answer")
        self._servers: dict[str, asyncio.Server] = {}
        self._open: dict[str, set[asyncio.StreamWriter]] = defaultdict(set)
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

    @contextlib.contextmanager
    def behaving(self, address: str, behaviour: Behaviour) -> Iterator[None]:
        """Let one address do so while the block runs, with new connections."""
        with contextlib.ExitStack() as stack:
            self._change(address, behaviour)
            if behaviour == "unreachable":
                stack.enter_context(_full_queue(address, self.port))
            yield
        self._change(address, "answer")

    def _change(self, address: str, behaviour: Behaviour) -> None:
        change = self._changed(address, behaviour)
        asyncio.run_coroutine_threadsafe(change, self._loop).result(10)

    async def _changed(self, address: str, behaviour: Behaviour) -> None:
        self._behaviours[address] = behaviour
        server = self._servers.pop(address, None)
        if behaviour in ("refuse", "unreachable"):
            if server is not None:
                server.close()
            for writer in list(self._open[address]):
                writer.transport.abort()
        elif server is None:
            await self._listen(address)
        else:
            self._servers[address] = server

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        for address in self._addresses:
            self._loop.run_until_complete(self._listen(address))
        self._ready.set()
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _listen(self, address: str) -> None:
        async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._open[address].add(writer)
            try:
                while await self._one(address, reader, writer):
                    pass
            except (OSError, asyncio.IncompleteReadError):
                pass  # the edge is done with it
            finally:
                self._open[address].discard(writer)
                writer.close()

        self._servers[address] = await asyncio.start_server(
            served, address, self.port, reuse_address=True, backlog=1_024
        )
        self.port = self._servers[address].sockets[0].getsockname()[1]

    async def _one(
        self, address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Serve one request; true where the connection is kept."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        headers = dict(line.split(": ", 1) for line in head.strip().split("\r\n")[1:])
        await reader.readexactly(int(headers.get("content-length", 0)))
        self.arrived[headers["x-probe"]].append(address)
        behaviour = self._behaviours[address]
        if behaviour == "hang":
            await reader.read()
            return False
        if behaviour == "close":
            return False
        if behaviour == "reset":
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT
            )
            writer.transport.abort()
            return False
        if behaviour == "slow":
            await asyncio.sleep(SLOW_SECONDS)
        writer.write(_UNAVAILABLE if behaviour == "503" else _OK)
        await writer.drain()
        return True


@contextlib.contextmanager
def _full_queue(address: str, port: int) -> Iterator[None]:
    """Listen and never accept, with the queue full: Linux drops what asks for a connection."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex((address, port))
        yield

"""Clients that keep their connections and count what happens to them."""

from __future__ import annotations

import socket
import time
from collections import Counter
from dataclasses import dataclass, field
from threading import Event, Thread
from types import TracebackType
from typing import Self

from doubles.wire import answers
from tests.edge.corpus import TENANT


@dataclass
class Client:
    """One keep-alive connection, asking for the same over and over."""

    port: int
    method: str
    target: str
    statuses: list[tuple[float, int]] = field(default_factory=list)  # when answered, with what
    lost: int = 0  # requests without an answer
    closed: int = 0  # connections that ended while nothing was asked
    refused: int = 0  # connections that nobody took

    def run(self, stopping: Event, pause: float) -> None:
        connection: socket.socket | None = None
        body = "Content-Length: 0\r\n" if self.method != "GET" else ""
        request = f"{self.method} {self.target} HTTP/1.1\r\nHost: {TENANT}\r\n{body}\r\n".encode()
        while not stopping.is_set():
            if connection is None:
                try:
                    connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
                except ConnectionRefusedError:
                    self.refused += 1
                    stopping.wait(0.02)
                    continue
            connection = self._ask(connection, request)
            stopping.wait(pause)
        if connection is not None:
            connection.close()

    def _ask(self, connection: socket.socket, request: bytes) -> socket.socket | None:
        received = b""
        try:
            connection.sendall(request)
            while not received or not _whole(received):
                data = connection.recv(65_536)
                if not data:
                    raise ConnectionResetError
                received += data
        except OSError:
            self.lost += 1
            connection.close()
            return None
        [answer] = answers(received)
        assert answer.status is not None
        self.statuses.append((time.monotonic(), answer.status))
        if answer.headers.get("connection") == "close":
            self.closed += 1
            connection.close()
            return None
        return connection


def _whole(received: bytes) -> bool:
    found = answers(received)
    return bool(found) and found[0].status is not None


class Load:
    """Clients in threads, while the block runs: `clients` says what each asks."""

    def __init__(self, port: int, clients: list[tuple[str, str]], *, pause: float = 0.002) -> None:
        self.clients = [Client(port, method, target) for method, target in clients]
        self._stopping = Event()
        self._threads = [
            Thread(target=client.run, args=(self._stopping, pause), daemon=True)
            for client in self.clients
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(30)

    @property
    def lost(self) -> int:
        return sum(client.lost for client in self.clients)

    @property
    def closed(self) -> int:
        return sum(client.closed for client in self.clients)

    def counted(self, target: str | None = None) -> Counter[int]:
        """How often each status was answered, by clients that ask for `target`."""
        return Counter(
            status
            for client in self.clients
            if target in (None, client.target)
            for _, status in list(client.statuses)
        )

    def first(self, target: str, status: int, after: float) -> float | None:
        """When that status was first answered after a moment."""
        return min(
            (
                at
                for client in self.clients
                if client.target == target
                for at, found in list(client.statuses)
                if found == status and at > after
            ),
            default=None,
        )

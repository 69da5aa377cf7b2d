"""What stands behind the edge: app servers that remember requests, and the DNS that names them."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

from tests.edge.authority import Certificate

ADDRESSES = ("127.0.0.1", "127.0.0.2")


@dataclass(frozen=True)
class Request:
    line: bytes  # as it arrived
    headers: dict[str, str]
    address: str  # of the server that took it


class _Served:
    """A server in a thread of its own, for as long as the block runs."""

    def __init__(self, *loops: Callable[[], object]) -> None:
        self._threads = [Thread(target=loop, daemon=True) for loop in loops]

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
        self.close()
        for thread in self._threads:
            thread.join()

    def close(self) -> None:
        raise NotImplementedError


@dataclass
class _Memory:
    requests: list[Request] = field(default_factory=list)
    entered: Event = field(default_factory=Event)  # a /slow request is here
    leave: Event = field(default_factory=Event)  # and may be answered


class App(_Served):
    """Answers 200 with its address. /slow waits to be let go; an upgrade is echoed."""

    def __init__(self, certificate: Certificate) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.chain, certificate.key)
        self._memory = _Memory()
        self._servers: list[_AppServer] = []
        self.port = 0
        for address in ADDRESSES:
            server = _AppServer((address, self.port), _Handler)
            server.memory = self._memory
            server.socket = context.wrap_socket(server.socket, server_side=True)
            self.port = server.server_port
            self._servers.append(server)
        super().__init__(*(server.serve_forever for server in self._servers))

    @property
    def requests(self) -> list[Request]:
        return self._memory.requests

    @property
    def last(self) -> Request:
        return self._memory.requests[-1]

    def hold(self) -> _Memory:
        """Let the next /slow request wait until `leave` is set; `entered` tells that it came."""
        self._memory.entered.clear()
        self._memory.leave.clear()
        return self._memory

    def close(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()


class _AppServer(ThreadingHTTPServer):
    daemon_threads = True
    memory: _Memory

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error of a test."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _AppServer  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:  # noqa: N802 (named by http.server)
        memory, address = self.server.memory, str(self.server.server_address[0])
        headers = {name.lower(): value for name, value in self.headers.items()}
        memory.requests.append(Request(self.requestline.encode("latin-1"), headers, address))
        if headers.get("upgrade"):
            self._echo()
            return
        if self.path == "/slow":
            memory.entered.set()
            memory.leave.wait(10)
        body = address.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _echo(self) -> None:
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "upgrade")
        self.end_headers()
        self.wfile.write(self.rfile.read(4))
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


class Names(_Served):
    """A DNS server that answers every question for addresses, for a second.

    `address` is answered, or those of `several` where the name is among them.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.address = ADDRESSES[0]
        self.several: dict[str, tuple[str, ...]] = {}
        super().__init__(self._loop)

    def _loop(self) -> None:
        while question := self._socket.recvfrom(512):
            packet, asker = question
            if not packet:
                return
            end = packet.index(b"\0", 12) + 5  # name, type and class
            addresses = self.several.get(_name(packet), (self.address,))
            header = packet[:2] + struct.pack(">HHHHH", 0x8180, 1, len(addresses), 0, 0)
            answers = b"".join(
                struct.pack(">HHHIH", 0xC00C, 1, 1, 1, 4) + socket.inet_aton(address)
                for address in addresses
            )
            self._socket.sendto(header + packet[12:end] + answers, asker)

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))


def _name(packet: bytes) -> str:
    """Return the name that a question is about."""
    labels, at = [], 12
    while length := packet[at]:
        labels.append(packet[at + 1 : at + 1 + length].decode())
        at += 1 + length
    return ".".join(labels)

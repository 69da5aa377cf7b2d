"""Small servers that say what they got: targets of a load balancer."""

from __future__ import annotations

import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Target(socketserver.ThreadingTCPServer):
    """Answers each request with its own name and the request's head, as JSON."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, name: str, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.name, self.context = name, context
        self.status = 200
        self.connections = 0

    @property
    def port(self) -> int:
        return self.server_address[1]

    def get_request(self):
        plain, address = super().get_request()
        self.connections += 1
        return (
            self.context.wrap_socket(plain, server_side=True) if self.context else plain
        ), address

    def handle_error(self, request, client_address):
        pass  # a health check that hangs up


class _Handler(socketserver.StreamRequestHandler):
    server: Any  # a Target

    def handle(self):
        while line := self.rfile.readline():
            fields = []
            while (field := self.rfile.readline()) not in (b"\r\n", b""):
                name, _, value = field.decode("latin-1").partition(":")
                fields.append((name, value.strip()))
            length = int({n.lower(): v for n, v in fields}.get("content-length", 0))
            body = self.rfile.read(length)
            received = {
                "target": self.server.name,
                "line": line.decode("latin-1").rstrip(),
                "fields": fields,
                "body": body.decode("latin-1"),
            }
            said = json.dumps(received).encode()
            self.wfile.write(
                f"HTTP/1.1 {self.server.status} OK\r\nContent-Length: {len(said)}\r\n\r\n".encode()
                + said
            )


@contextmanager
def target(name: str, certificate: Path | None = None) -> Iterator[Target]:
    """A server on a free port, over TLS where it gets a certificate with its key."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    server = Target(name, context)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()

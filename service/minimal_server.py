"""The smallest server that keeps the service contract's health, port and stop.

It has no stores and no users; docs/service-contract.md says what an identity service adds.
Standard library alone, so that the image is this one file.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Longer than the load balancer keeps an idle connection, so that it is never the server that
# closes one which the balancer is about to use.
IDLE_SECONDS = 120


class Server(ThreadingHTTPServer):
    """Counts the requests it is answering, so that a stop can wait for exactly those."""

    daemon_threads = True
    request_queue_size = 1_024

    def __init__(self, port: int, half: str) -> None:
        super().__init__(("", port), Handler)
        self.half = half
        self.answering = 0
        self.changed = threading.Condition()

    def drain(self, seconds: float) -> bool:
        """Wait until no request is being answered; False when `seconds` pass first."""
        with self.changed:
            return self.changed.wait_for(lambda: self.answering == 0, timeout=seconds)


class Handler(BaseHTTPRequestHandler):
    """Health for the load balancer and for DNS; every other path is not there."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS

    def _answer(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        with server.changed:
            server.answering += 1
        try:
            self._discard_body()
            path = self.path.partition("?")[0]
            if path in ("/health/ready", "/health/login"):
                self._send(200, {"status": "ok", "half": server.half, "stores": []})
            else:
                self._send(404, {"title": "Not found", "status": 404})
        finally:
            with server.changed:
                server.answering -= 1
                server.changed.notify_all()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _answer  # noqa: N815 (named by http.server)

    def _discard_body(self) -> None:
        left = int(self.headers.get("Content-Length") or 0)
        while left > 0 and (chunk := self.rfile.read(min(left, 65_536))):
            left -= len(chunk)

    def _send(self, status: int, body: dict[str, object]) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        kind = "application/json" if status == 200 else "application/problem+json"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(payload)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        print(json.dumps({"method": self.command, "path": self.path, "status": int(code)}))


def main() -> None:
    """Serve PORT until SIGTERM, then finish what is being answered and exit 0."""
    server = Server(int(os.environ.get("PORT", "8080")), os.environ.get("HALF", "none"))
    signal.signal(
        signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown, daemon=True).start()
    )
    print(json.dumps({"listening": server.server_address[1]}), flush=True)
    server.serve_forever(poll_interval=0.05)
    server.socket.close()  # no new connection; those open finish their request
    drained = server.drain(float(os.environ.get("DRAIN_SECONDS", "30")))
    sys.exit(0 if drained else 1)


if __name__ == "__main__":
    main()

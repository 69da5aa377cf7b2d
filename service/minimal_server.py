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
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Longer than the balancer keeps an idle connection: it must never find one closed under it.
IDLE_SECONDS = 120


class Server(ThreadingHTTPServer):
    """Counts the requests it is answering, so that a stop can wait for exactly those."""

    daemon_threads = True
    request_queue_size = 1_024

    def __init__(self, host: str, port: int, half: str) -> None:
        super().__init__((host, port), Handler)
        self.half = half
        self.answering = 0
        self.draining = False
        self.changed = threading.Condition()

    def count(self, difference: int) -> None:
        with self.changed:
            self.answering += difference
            self.changed.notify_all()

    def drain(self, seconds: float) -> bool:
        """Wait until no request is being answered; False when `seconds` pass first."""
        with self.changed:
            self.draining = True
            return self.changed.wait_for(lambda: self.answering == 0, timeout=seconds)


class Handler(BaseHTTPRequestHandler):
    """Health for the load balancer and for DNS; every other path is not there."""

    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.1"  # of an answer to what is no request
    timeout = IDLE_SECONDS
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]
    counted = False

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True  # the client left; nobody waits for an answer
        finally:
            if self.counted:
                self.counted = False
                self.server.count(-1)

    def parse_request(self) -> bool:
        # From its first line on, a request is waited for.
        self.counted = True
        self.server.count(+1)
        return super().parse_request()

    def _answer(self) -> None:
        try:
            self._discard_body()
        except ValueError:
            # Where the body ends is unknown, and with it where the next request begins.
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        if self.path.partition("?")[0] in ("/health/ready", "/health/login"):
            self._send(HTTPStatus.OK, {"status": "ok", "half": self.server.half, "stores": []})
        else:
            self._send(HTTPStatus.NOT_FOUND)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _answer  # noqa: N815 (named by http.server)

    def _discard_body(self) -> None:
        """Read the body away, so that the next request starts where this one ends."""
        lengths = self.headers.get_all("Content-Length", [])
        encodings = [value.lower() for value in self.headers.get_all("Transfer-Encoding", [])]
        if len(encodings) + len(set(lengths)) > 1 or encodings not in ([], ["chunked"]):
            raise ValueError("ambiguous body")
        if lengths:
            self._discard(self._number(lengths[0].encode("latin-1"), 10))
        elif encodings:
            while size := self._number(self.rfile.readline(1_024).partition(b";")[0], 16):
                self._discard(size)
                if self.rfile.readline(3) != b"\r\n":
                    raise ValueError("a chunk does not end where it says")
            while self.rfile.readline(65_536) not in (b"\r\n", b"\n", b""):
                pass  # trailers

    def _number(self, text: bytes, base: int) -> int:
        if not text.strip().isalnum():  # int() itself takes signs and underscores
            raise ValueError(f"not a length: {text!r}")
        return int(text, base)

    def _discard(self, size: int) -> None:
        while size > 0 and (part := self.rfile.read(min(size, 65_536))):
            size -= len(part)
        if size > 0:
            raise ConnectionError("the client left in the middle of its request")

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        self.close_connection = True
        self._send(HTTPStatus(code))

    def _send(self, status: HTTPStatus, body: dict[str, object] | None = None) -> None:
        """Answer with a body, or with the problem that the status names."""
        payload = json.dumps(body or {"title": status.phrase, "status": int(status)}).encode()
        self.send_response(status)
        self.send_header("Content-Type", f"application/{'json' if body else 'problem+json'}")
        self.send_header("Content-Length", str(len(payload)))
        if self.close_connection or self.server.draining:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(payload)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        path = getattr(self, "path", None)  # a first line that is no request has none
        print(json.dumps({"method": self.command, "path": path, "status": int(code)}))

    def log_error(self, format: str, *args: object) -> None:
        """What goes wrong has a status in the line above, or a client that is gone."""


def main() -> None:
    """Serve PORT until SIGTERM, then finish what is being answered and exit 0.

    HOST is the address to listen on; a container listens on every one it has.
    """
    port = int(os.environ.get("PORT", "8080"))
    server = Server(os.environ.get("HOST", ""), port, os.environ.get("HALF", "none"))
    signal.signal(
        signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown, daemon=True).start()
    )
    print(json.dumps({"listening": server.server_address[1]}), flush=True)
    server.serve_forever(poll_interval=0.05)
    server.socket.close()  # no new connection; those open finish their request
    sys.exit(0 if server.drain(float(os.environ.get("LONGEST_REQUEST_SECONDS", "30"))) else 1)


if __name__ == "__main__":
    main()

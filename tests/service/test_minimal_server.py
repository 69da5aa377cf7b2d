"""The minimal server as a process: what it answers, and how it stops."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_SERVER = Path(__file__).parents[2] / "service" / "minimal_server.py"
_SECONDS = 10  # of patience; nothing here takes a tenth of it


@dataclass
class Running:
    process: subprocess.Popen[str]
    port: int

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=_SECONDS)

    def raw(self, request: bytes) -> socket.socket:
        """A connection on which these bytes were sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=_SECONDS)
        connection.sendall(request)
        return connection

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_SECONDS)


@pytest.fixture
def server() -> Iterator[Running]:
    process = subprocess.Popen(
        [sys.executable, "-u", str(_SERVER)],
        env={**os.environ, "PORT": "0", "HALF": "blue", "LONGEST_REQUEST_SECONDS": str(_SECONDS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield Running(process, json.loads(process.stdout.readline())["listening"])
    process.kill()
    process.communicate()


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + _SECONDS
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.01)


def _answer(connection: socket.socket) -> tuple[str, bytes]:
    """Status line and body of one answer, up to where the server closes."""
    with connection, connection.makefile("rb") as file:
        head, _, body = file.read().partition(b"\r\n\r\n")
    return head.decode().splitlines()[0], body


def _closed(server: Running) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=_SECONDS).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # queued in the moment of closing
        return False
    return False


@pytest.mark.parametrize("path", ["/health/ready", "/health/login", "/health/ready?from=balancer"])
def test_health_is_answered_with_the_half_that_answers(server, path):
    connection = server.connect()
    connection.request("GET", path)
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Content-Type")) == (200, "application/json")
    assert json.load(answer) == {"status": "ok", "half": "blue", "stores": []}


def test_any_other_path_is_not_found_as_a_problem(server):
    connection = server.connect()
    connection.request("GET", "/login")
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Content-Type")) == (404, "application/problem+json")
    assert json.load(answer) == {"title": "Not Found", "status": 404}


def test_head_has_the_headers_of_get_and_no_body(server):
    connection = server.connect()
    connection.request("HEAD", "/health/ready")
    answer = connection.getresponse()
    assert int(answer.getheader("Content-Length", "0")) > 0
    assert answer.read() == b""
    connection.request("GET", "/health/ready")  # the next answer starts where it should
    assert connection.getresponse().status == 200


def test_a_connection_serves_many_requests_whatever_their_bodies(server):
    connection = server.connect()
    connection.request("GET", "/health/ready")
    connection.getresponse().read()
    first = connection.sock
    for body in (b"a" * 200_000, iter([b"in ", b"chunks"]), b""):
        connection.request("POST", "/login", body, encode_chunked=True)
        answer = connection.getresponse()
        assert (answer.status, answer.will_close) == (404, False)
        answer.read()
    assert connection.sock is first


@pytest.mark.parametrize(
    "headers",
    [
        "Content-Length: five",
        "Content-Length: -1",
        "Content-Length: +1",
        "Content-Length: 1_0",
        "Content-Length: 1\r\nContent-Length: 2",
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked\r\n\r\nnothexadecimal",
    ],
)
def test_fails_on_a_body_whose_end_is_unclear_and_closes(server, headers):
    status, body = _answer(server.raw(f"POST / HTTP/1.1\r\nHost: id\r\n{headers}\r\n\r\n".encode()))
    assert status == "HTTP/1.1 400 Bad Request"
    assert json.loads(body) == {"title": "Bad Request", "status": 400}


def test_fails_on_a_first_line_that_is_no_request(server):
    status, body = _answer(server.raw(b"GARBAGE MORE GARBAGE AND MORE\r\n\r\n"))
    assert "400" in status
    assert json.loads(body)["status"] == 400


def test_nothing_of_this_writes_a_traceback(server):
    for request in (
        b"POST / HTTP/1.1\r\nHost: id\r\nContent-Length: five\r\n\r\n",
        b"GARBAGE\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: id\r\nContent-Length: 9\r\nConnection: close\r\n\r\npart",
    ):
        connection = server.raw(request)
        connection.shutdown(socket.SHUT_WR)
        _answer_or_none(connection)
    assert server.stop() == 0
    _, errors = server.process.communicate()
    assert errors == ""


def _answer_or_none(connection: socket.socket) -> None:
    with connection:
        while connection.recv(65_536):
            pass


def test_each_request_is_one_line_of_json_in_the_log(server):
    connection = server.connect()
    connection.request("GET", "/a%20b?c=%22")
    connection.getresponse().read()
    assert json.loads(server.process.stdout.readline()) == {
        "method": "GET",
        "path": "/a%20b?c=%22",
        "status": 404,
    }


def test_stops_at_once_when_nothing_is_asked(server):
    idle = server.connect()
    idle.request("GET", "/health/ready")
    idle.getresponse().read()  # kept alive and idle
    assert server.stop() == 0


def test_a_request_in_flight_is_finished_before_the_stop(server):
    """Its body arrives slowly: half before SIGTERM, half after the port is closed."""
    head = b"POST /login HTTP/1.1\r\nHost: id\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
    slow = server.raw(head)
    assert slow.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"  # the server is in the request
    slow.sendall(b"ha")
    server.process.send_signal(signal.SIGTERM)
    _until(lambda: _closed(server))
    assert server.process.poll() is None
    slow.sendall(b"lf")
    status, body = _answer(slow)
    assert (status, json.loads(body)["status"]) == ("HTTP/1.1 404 Not Found", 404)
    assert server.process.wait(_SECONDS) == 0

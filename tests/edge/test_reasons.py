"""Each reason that the edge gives is true, and each that it knows is given by something."""

from __future__ import annotations

import json
import re
import socket
from threading import Thread

import pytest

from doubles.recording_upstream import RecordingUpstream
from doubles.wire import WireAnswer, exchange
from local.edge_process import IMAGE
from local.waiting import wait_until
from tests.edge.corpus import TENANT, new_number, rows

# request line, headers: status, reason
REFUSED = {
    "GET /admin HTTP/1.1": (403, "closed-route"),
    "GET /_edge/400 HTTP/1.1": (404, "reserved"),
    "FOO / HTTP/1.1": (405, "method"),
    "TRACE / HTTP/1.1": (405, "method"),
    "CONNECT acme.edge.test:443 HTTP/1.1": (405, "method"),
    "GET / HTTP/1.2": (400, "request-line"),
    "GET / HTTP/2.0": (505, "request-line"),
    "GET / HTTP/9.0": (505, "request-line"),
    "GET /%zz HTTP/1.1": (400, "malformed"),
    "POST / HTTP/1.1\r\nContent-Length: x": (400, "malformed"),
    "POST / HTTP/1.1\r\nContent-Length: 1048577": (413, "body-size"),
    f"GET /{'a' * 16_384} HTTP/1.1": (414, "target-size"),
    f"GET / HTTP/1.1\r\nCookie: {'a' * 16_384}": (431, "header-size"),
    "POST / HTTP/1.1\r\nTransfer-Encoding: gzip": (501, "transfer-encoding"),
    "GET /a%2Fb HTTP/1.1": (400, "encoded-slash"),
}
OTHER = {"read-only", "rate", "rate-dry-run", "unknown-host", "host", "edge-error"}  # elsewhere
FAULTS = {"app-unavailable", "app-timeout", "app-answer", "app-closed"}
# "rate" and "rate-dry-run": test_headers_and_limits.py; "read-only": test_read_only.py.


def asked(edge, request: str, host: str = TENANT) -> WireAnswer:
    line, _, headers = request.partition("\r\n")
    lines = [line, f"Host: {host}", *filter(None, [headers]), "Connection: close", "", ""]
    [answer] = exchange(edge.address, "\r\n".join(lines).encode())
    return answer


def told(answer: WireAnswer) -> tuple[int | None, str]:
    """Return status and reason, which header and body agree about."""
    assert answer.headers["content-type"] == "application/problem+json"
    body = json.loads(answer.body)
    assert (body["status"], body["reason"]) == (answer.status, answer.headers["x-edge-reason"])
    return answer.status, body["reason"]


@pytest.mark.parametrize("request_line", REFUSED, ids=lambda line: line[:40].partition("\r")[0])
def test_a_refusal_says_why(plain_edge, upstream, request_line):
    before = len(upstream.received)
    assert told(asked(plain_edge, request_line)) == REFUSED[request_line]
    assert len(upstream.received) == before


def test_a_name_of_nobody_and_one_that_is_no_name_differ(plain_edge):
    assert told(asked(plain_edge, "GET / HTTP/1.1", "elsewhere.example")) == (421, "unknown-host")
    assert told(asked(plain_edge, "GET / HTTP/1.1", "a_b.edge.test")) == (400, "host")


class OneAnswer:
    """An app that answers whatever it is asked with `says`, then closes, or waits if it `hangs`."""

    def __init__(self) -> None:
        self.says, self.hangs = b"", False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._kept: list[socket.socket] = []
        Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            connection.recv(65_536)
            connection.sendall(self.says)
            if self.hangs:
                self._kept.append(connection)
            else:
                connection.close()


@pytest.fixture(scope="module")
def one_answer():
    return OneAnswer()


@pytest.fixture(scope="module")
def alone(launch, one_answer):
    edge = launch(
        app_address=f"127.0.0.1:{one_answer.port}", variables={"LONGEST_REQUEST_SECONDS": "5"}
    )
    yield edge
    edge.stop()


WRITE = "POST / HTTP/1.1\r\nContent-Length: 0"


@pytest.mark.parametrize(
    ("says", "hangs", "wanted"),
    [
        (b"", False, (502, "app-closed")),
        (b"HTTP/1.1 200 OK\r\nX-A: ", False, (502, "app-answer")),
        (b"HTTP/1.1 200 OK\r\nX-A: " + 40_000 * b"a", False, (502, "app-answer")),
        (b"HTTP/1.1 200 OK\r\nX-A: ", True, (504, "app-timeout")),
    ],
    ids=["closed", "cut", "large", "half an answer"],
)
def test_the_app_s_fault_is_named_for_what_it_was(alone, one_answer, says, hangs, wanted):
    """app-unavailable, and app-timeout of one that says nothing: test_app_addresses.py."""
    one_answer.says, one_answer.hangs = says, hangs
    number = new_number()
    assert told(asked(alone, f"{WRITE}\r\nX-Request-Id: {number}-of-a-fault")) == wanted
    line = wait_until(lambda: alone.line(f"{number}-of-a-fault"), "its line in the log")
    assert (line["status"], line["refused"]) == wanted


def test_what_is_no_http_is_passed_on_and_is_logged_as_no_status(alone, one_answer):
    """nginx takes it for HTTP/0.9, which has no head; the balancer in front makes a 502 of it."""
    one_answer.says, one_answer.hangs = b"no HTTP\r\n\r\n", False
    number = f"{new_number()}-of-noise"
    answer = asked(alone, f"{WRITE}\r\nX-Request-Id: {number}")
    assert (answer.status, answer.body) == (None, one_answer.says)
    assert wait_until(lambda: alone.line(number), "its line in the log")["status"] == 0


@pytest.mark.parametrize("status", [404, 429, 500, 502, 503, 504])
def test_an_answer_of_the_app_has_no_reason_of_the_edge(alone, one_answer, status):
    """whatever its status is, and even where the app names one."""
    head = f"HTTP/1.1 {status} X\r\nX-Edge-Reason: read-only\r\nContent-Length: 3\r\n\r\nno\n"
    one_answer.says, one_answer.hangs = head.encode(), False
    answer = asked(alone, WRITE)
    assert (answer.status, answer.body) == (status, b"no\n")
    assert "x-edge-reason" not in answer.headers


def test_an_error_of_the_edge_itself_is_one(launch):
    with RecordingUpstream(record=False) as app:
        edge = launch(app_address=f"127.0.0.1:{app.port}")
        bodies = edge.run / "temp" / "body"
        bodies.rmdir()
        bodies.write_text("as little room as on a full disk")
        body = f"POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n{'x' * 100_000}"
        [answer] = exchange(
            edge.address, body.replace("\r\n", f"\r\nHost: {TENANT}\r\n", 1).encode()
        )
        assert told(answer) == (500, "edge-error")
        edge.stop()


def test_no_reason_is_known_that_nothing_gives():
    conf = "".join((IMAGE / "conf" / name).read_text() for name in ("reasons.conf", "shapes.conf"))
    words = set(re.findall(r'^    (?:default|"[^"]*") ([a-z][a-z0-9-]+);', conf, re.MULTILINE))
    shapes = {
        "plain",
        "double-slash",
        "encoded-query",
        "double-slash+encoded-query",
        "raw",
        "one",
        "two",
        "three",
    }
    given = {reason for _, reason in REFUSED.values()} | OTHER | FAULTS
    given |= {row.expect["deny_reason"] for row in rows() if row.expect["deny_reason"]}
    assert words - shapes == given

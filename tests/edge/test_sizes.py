"""How large heads may be, both ways: what docs/service-contract.md states, and what is said beyond.

The balancers on both sides of the edge allow 16 KB for a line and for a header, 64 KB for the head
of a request and 32 KB for that of an answer (Elastic Load Balancing, "Quotas for your Application
Load Balancers").
"""

from __future__ import annotations

import pytest

from doubles.wire import WireAnswer, exchange
from tests.edge import http2
from tests.edge.corpus import TENANT, new_number
from tests.edge.test_http2 import fields

KB = 1_024
LINE, HEAD, ANSWER_HEAD = 16 * KB, 64 * KB, 32 * KB  # of the balancers
COOKIES = 16_000


def asked(edge, *headers: str, target: str = "/") -> WireAnswer:
    lines = [f"GET {target} HTTP/1.1", f"Host: {TENANT}", *headers, "Connection: close", "", ""]
    [answer] = exchange(edge.address, "\r\n".join(lines).encode())
    return answer


def padded(name: str, size: int) -> str:
    """Return a header of so many bytes, its end included."""
    return f"{name}: ".ljust(size - 2, "x")


LARGEST = {
    "line": ([], "/login?".ljust(LINE - len("GET  HTTP/1.1\r\n"), "a")),
    "header": ([padded("Authorization", LINE)], "/"),
    "cookies": ([padded("Cookie", COOKIES // 2), padded("Cookie", COOKIES // 2)], "/"),
    "all": ([padded("X-A", 15_000), padded("X-B", 15_000)], "/login?".ljust(15_000, "a")),
    "many": ([padded(f"X-{number}", KB) for number in range(44)], "/"),
}


@pytest.mark.parametrize("name", LARGEST)
def test_what_is_let_in_reaches_the_app_within_what_its_balancer_takes(plain_edge, upstream, name):
    headers, target = LARGEST[name]
    number = new_number()
    answer = asked(plain_edge, f"X-Probe: {number}", *headers, target=target)
    assert answer.status == 200
    [received] = upstream.about(number)
    sizes = [len(f"{name}: {value}\r\n") for name, value in received.headers]
    assert len(received.line) + 2 <= LINE
    assert max(sizes) <= LINE
    assert len(received.line) + 2 + sum(sizes) <= HEAD


TOO_LARGE = {
    "line": ([], "/login?".ljust(LINE, "a"), 414, "target-size"),
    "header": ([padded("X-A", LINE + 1)], "/", 431, "header-size"),
    "a cookie": ([padded("Cookie", LINE + 1)], "/", 431, "header-size"),
    "cookies": ([padded("Cookie", 5_500)] * 3, "/", 431, "header-size"),
    "all": ([padded("X-A", 15_000)] * 4, "/", 431, "header-size"),
    "many": ([padded(f"X-{number}", KB) for number in range(50)], "/", 431, "header-size"),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_fails_on_more_with_the_reason(plain_edge, upstream, name):
    headers, target, status, reason = TOO_LARGE[name]
    before = len(upstream.received)
    answer = asked(plain_edge, *headers, target=target)
    assert (answer.status, answer.headers["x-edge-reason"]) == (status, reason)
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(upstream.received) == before


def test_over_http_2_as_much_is_let_in_and_what_is_more_ends_the_connection(plain_edge):
    """nginx answers no head that it did not read whole; a stream of a head cannot be skipped."""

    def status(*sizes: int, path: str = "/", name: bytes = b"x-a") -> int | None:
        more = [(name, b"x" * size) for size in sizes]
        return http2.ask(plain_edge.address, fields("GET", path, *more)).status

    assert status(16_000) == status(15_000, 15_000, 15_000) == 200
    assert status(path="/login?".ljust(16_000, "a")) == 200
    assert status(5_000, 5_000, 5_000, name=b"cookie") == 200
    assert status(5_500, 5_500, 5_500, name=b"cookie") == 431
    assert status(17_000) is None
    assert status(15_000, 15_000, 15_000, 15_000) is None


@pytest.fixture
def answers_with(upstream):
    """`answers_with("X-A: b")`: headers of each answer of the app, until the test's end."""

    def answers_with(*headers: str) -> None:
        upstream.head = "".join(f"{header}\r\n" for header in headers).encode()

    yield answers_with
    upstream.head = b""


ANSWERS = {
    "a redirect with a message": [padded("Location", LINE)],
    "cookies": [padded("Set-Cookie", 4 * KB)] * 5,
    "both": [padded("Location", 16_000), *[padded("Set-Cookie", 4 * KB)] * 2],
}


@pytest.mark.parametrize("name", ANSWERS)
def test_large_answers_are_passed_on_within_what_the_balancer_takes(plain_edge, answers_with, name):
    answers_with(*ANSWERS[name])
    answer = asked(plain_edge)
    assert answer.status == 200
    own = ("x-request-id", "x-edge-mode", "date", "server", "connection")
    size = sum(len(header) + 2 for header in ANSWERS[name])
    size += sum(len(f"{name}: {answer.headers[name]}\r\n") for name in own)
    assert size <= ANSWER_HEAD
    sent = fields("GET", "/")
    assert http2.ask(plain_edge.address, sent).status == 200


def test_fails_on_an_answer_over_the_limit_as_the_app_s_answer(plain_edge, answers_with):
    answers_with(*[padded("Set-Cookie", 4 * KB)] * 6)
    answer = asked(plain_edge)
    assert (answer.status, answer.headers["x-edge-reason"]) == (502, "app-answer")

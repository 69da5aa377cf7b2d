"""The corpus over HTTP/2, where a row says something that HTTP/2 can say, and what only it can."""

from __future__ import annotations

import re

import pytest

from tests.edge.corpus import TENANT, Row, new_number, rows
from tests.edge.http2 import Answer, ask

# A request line and the two headers that every row of these has: nothing of it is HTTP/1.1's own.
_PLAIN = re.compile(
    r"(?P<method>[A-Za-z]+) (?P<target>/.*) HTTP/1\.1\r\nHost: acme\.edge\.test\r\n"
    r"X-Probe: \{ID\}\r\nConnection: close\r\n\r\n",
    re.DOTALL,
)
_FRAME_BYTES = 16_384  # a longer target would need frames of its own, and is no corpus row's point
ROWS = [
    (row, match)
    for row in rows()
    if (match := _PLAIN.fullmatch(row.raw)) is not None
    and match["method"] != "CONNECT"  # which HTTP/2 spells otherwise: see below
    and len(row.raw) < _FRAME_BYTES
]


def fields(method: str, path: str, *more: tuple[bytes, bytes], authority: str = TENANT):
    given = {":method": method, ":scheme": "https", ":authority": authority, ":path": path}
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in given.items()]
    return [*pairs, *more]


def test_most_of_the_corpus_can_be_said():
    assert len(ROWS) > 115


@pytest.mark.parametrize(("row", "match"), ROWS, ids=[row.id for row, _ in ROWS])
def test_the_corpus(plain_edge, upstream, row: Row, match):
    number = new_number()
    sent = fields(match["method"], match["target"], (b"x-probe", number.encode()))
    answer = ask(plain_edge.address, sent)
    received, expect = upstream.about(number), row.expect
    assert len(received) == expect["upstream_requests"]
    if received:
        seen = (received[0].method, received[0].target)
        assert seen == (expect["upstream_method"], expect["upstream_target"])
        assert [answer.status] == expect["status"]
    else:
        # What is no request at all may end the stream instead of being answered.
        malformed = expect["deny_reason"] is None and expect["status"] == [400]
        assert [answer.status] == expect["status"] or (malformed and answer.status is None)
        if expect["deny_reason"] is not None:
            assert answer.reason == expect["deny_reason"]


def test_a_body_arrives(plain_edge, upstream):
    number = new_number()
    sent = fields("POST", "//api/v1/users", (b"x-probe", number.encode()))
    assert ask(plain_edge.address, sent, b'{"a":1}').status == 200
    [received] = upstream.about(number)
    assert (received.target, received.body) == ("/api/v1/users", b'{"a":1}')


@pytest.mark.parametrize(
    "sent",
    [
        fields("GET", "/api/v1/users", authority="u@acme.edge.test"),
        fields("GET", "/api/v1/users", authority="acme.edge.test/x"),
        fields("GET", "/api/v1/users", (b"host", b"evil.example")),
        fields("GET", "/api/v1/users", (b":path", b"/admin/keys")),
        fields("GET", "/api/v1/users", (b":foo", b"b")),
        fields("GET", "/api/v1/users HTTP/1.1\r\nX-Inj: 1\r\n\r\n"),
        fields("GET", "/api/v1/users", (b"x-a", b"b\r\nX-Inj: 1")),
        fields("GET", "/api/v1/users", (b"x-a\r\nx-inj", b"1")),
        fields("GET / HTTP/1.1\r\nX:", "/api/v1/users"),
        fields("GET", "http://evil.example/api/v1/users"),
        fields("GET", "api/v1/users"),
        fields("GET", ""),
        fields("get", "/api/v1/users"),
        fields("CONNECT", "/api/v1/users"),
    ],
    ids=range(14),
)
def test_what_only_http_2_can_say_does_not_reach_the_app(plain_edge, upstream, sent):
    before = len(upstream.received)
    answer = ask(plain_edge.address, sent)
    assert answer.status in (None, 400, 405)
    assert len(upstream.received) == before


@pytest.mark.parametrize(
    ("field", "body"),
    [
        (
            (b"transfer-encoding", b"chunked"),
            b"0\r\n\r\nGET /admin/keys HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        ((b"content-length", b"2"), b"{}GET /admin/keys HTTP/1.1\r\n\r\n"),
        ((b"content-length", b"20"), b"{}"),
        ((b"content-length", b"0"), b"GET /admin/keys HTTP/1.1\r\nHost: a\r\n\r\n"),
    ],
    ids=["chunked", "short", "long", "zero"],
)
def test_no_length_of_http_1_smuggles_a_request(plain_edge, upstream, field, body):
    number = new_number()
    sent = fields("POST", "/api/v1/users", (b"x-probe", number.encode()), field)
    before = len(upstream.received)
    answer: Answer = ask(plain_edge.address, sent, body)
    arrived = upstream.received[before:]
    if answer.status == 200:  # framed anew, with the true length
        assert [request.body for request in arrived] == [body]
        assert arrived[0].header("transfer-encoding") is None
    else:
        assert arrived == []


def test_an_unknown_authority_is_misdirected(plain_edge):
    answer = ask(plain_edge.address, fields("GET", "/", authority="evil.example"))
    assert (answer.status, answer.reason) == (421, "unknown-host")

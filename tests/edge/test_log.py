"""The log of the edge's image: one line of JSON per request, whatever a client sends."""

from __future__ import annotations

import json
import secrets

import pytest

from local.waiting import wait_until


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        (b'/a"b\\c', b""),
        (b"/%01%0a%ff", b""),
        (b"/\xff\xfe\xe2\x82", b""),
        (b"/login?code=secret", b'X-Forwarded-For: 1.2.3.4\xff"\\\r\n'),
        (b"/", b'X-Forwarded-For: "}{"\r\n'),
        (b"/" + 3_000 * b"a", b""),
    ],
    ids=range(6),
)
def test_a_line_of_the_log_is_json_whatever_is_asked(edge, target, headers):
    number = f"line-{secrets.token_hex(8)}"
    with edge.connect() as connection:
        head = b"GET %s HTTP/1.1\r\nHost: acme.id.example.com\r\n%sX-Request-Id: %s\r\n"
        connection.sendall(head % (target, headers, number.encode()) + b"Connection: close\r\n\r\n")
        while connection.recv(65_536):
            pass
    line = wait_until(lambda: edge.line(number), "its line in the log")
    assert set(line) == {
        *("time", "request_id", "client", "tenant", "method", "path", "status", "shape"),
        *("refused", "bytes", "seconds", "app_seconds"),
    }
    assert "secret" not in json.dumps(line)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /%00%01%0a%ff HTTP/1.1\r\nHost: acme.id.example.com\r\n",
        b'GET / HTTP/1.1\r\nHost: evil".example.net\r\n',
        b"GET / HTTP/1.1\r\nHost: \xff\xfe.net\r\n",
        b'\x16\x03\x01\xff "\r\n',
    ],
    ids=["path", "host", "bytes", "noise"],
)
def test_what_could_not_be_parsed_is_logged_as_json_too(edge, head):
    """nginx knows no request id of it: a line that was not there before is it."""
    before = {line["request_id"] for line in edge.log()}
    with edge.connect() as connection:
        connection.sendall(head + b"\r\n")
        while connection.recv(65_536):
            pass
    wait_until(
        lambda: [
            line
            for line in edge.log()
            if line["request_id"] not in before and line["status"] == 400
        ],
        "a new line with 400",
    )


@pytest.mark.parametrize(
    ("target", "shape", "refused", "path"),
    [
        ("/login?code=secret", "plain", "", "/login"),
        ("//login", "double-slash", "", "//login"),
        ("/users%3Flimit=1", "encoded-query", "", "/users%3Flimit=1"),
        ("//users%3Flimit=1", "double-slash+encoded-query", "", "//users%3Flimit=1"),
        ("/a%2Fb", "plain", "encoded-slash", "/a%2Fb"),
        ("/admin", "plain", "closed-route", "/admin"),
    ],
)
def test_a_line_tells_the_shape_and_why_a_request_was_refused(edge, target, shape, refused, path):
    number = f"line-{secrets.token_hex(8)}"
    edge.ask(target, X_Request_Id=number)
    line = wait_until(lambda: edge.line(number), "its line in the log")
    assert (line["shape"], line["refused"], line["path"]) == (shape, refused, path)
    assert (line["tenant"], line["method"]) == ("acme.id.example.com", "GET")

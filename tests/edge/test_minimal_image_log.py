"""The log of the edge's image: one line of JSON per request, whatever a client sends."""

from __future__ import annotations

import json

import pytest

from tests.edge.conftest import until


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        (b'/a"b\\c', b""),
        (b"/%00%01%0a%ff", b""),
        (b"/\xff\xfe\xe2\x82", b""),
        (b"/login?code=secret", b'X-Forwarded-For: 1.2.3.4\xff"\\\r\n'),
        (b"/", b'X-Forwarded-For: "}{"\r\n'),
        (b"/" + 3_000 * b"a", b""),
    ],
    ids=range(6),
)
def test_a_line_of_the_log_is_json_whatever_is_asked(edge, target, headers):
    before = len(edge.log())
    with edge.connect() as connection:
        head = b"GET %s HTTP/1.1\r\nHost: acme.id.example.com\r\n%sConnection: close\r\n\r\n"
        connection.sendall(head % (target, headers))
        while connection.recv(65_536):
            pass
    line = until(lambda: edge.log()[before:])[-1]
    assert set(line) >= {"time", "request_id", "client", "host", "path", "status", "seconds"}
    assert "secret" not in json.dumps(line)


def test_a_refused_name_is_logged_as_text(edge):
    before = len(edge.log())
    edge.ask(host='evil".example.net')
    assert until(lambda: edge.log()[before:])[-1]["status"] in (400, 421)

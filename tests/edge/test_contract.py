"""What docs/service-contract.md says of a request's Host and cookies is what the app gets."""

from __future__ import annotations

import pytest

from doubles.wire import exchange
from tests.edge import http2
from tests.edge.corpus import TENANT, new_number
from tests.edge.test_http2 import fields

DOMAIN = TENANT.partition(".")[2]


@pytest.fixture
def arrived(plain_edge, upstream):
    """`arrived("GET / HTTP/1.1", "A: b")`: the request as the app got it."""

    def arrived(line: str, *headers: str):
        number = new_number()
        lines = [line, f"X-Probe: {number}", *headers, "Connection: close", "", ""]
        [answer] = exchange(plain_edge.address, "\r\n".join(lines).encode())
        assert answer.status == 200
        [received] = upstream.about(number)
        return received

    return arrived


@pytest.fixture
def arrived_by_http2(plain_edge, upstream):
    def arrived(*more: tuple[bytes, bytes], authority: str = TENANT):
        number = new_number()
        sent = fields("GET", "/", (b"x-probe", number.encode()), *more, authority=authority)
        assert http2.ask(plain_edge.address, sent).status == 200
        [received] = upstream.about(number)
        return received

    return arrived


HOSTS = [TENANT, "ACME.Edge.Test", f"{TENANT}:8443", f"{TENANT}:443", f"{TENANT}."]


@pytest.mark.parametrize("host", HOSTS)
def test_host_is_the_name_in_lower_case_without_port_or_final_dot(arrived, arrived_by_http2, host):
    for received in (
        arrived("GET / HTTP/1.1", f"Host: {host}"),
        arrived(f"GET https://{host}/ HTTP/1.1", f"Host: {host}"),
        arrived(f"GET https://{host}/ HTTP/1.1", f"Host: {TENANT}:9"),
        arrived_by_http2(authority=host),
    ):
        assert received.header("host") == received.header("x-forwarded-host") == TENANT


@pytest.mark.parametrize("named", ["elsewhere.example", f"x{TENANT}", f"{TENANT}.x", DOMAIN])
def test_a_whole_uri_of_another_name_than_host_is_refused(plain_edge, named):
    lines = [f"GET https://{TENANT}/ HTTP/1.1", f"Host: {named}", "Connection: close", "", ""]
    [answer] = exchange(plain_edge.address, "\r\n".join(lines).encode())
    assert answer.status == 400


def test_without_a_host_it_is_the_domain(arrived):
    assert arrived("GET / HTTP/1.0").header("host") == DOMAIN


def test_several_lines_of_cookies_are_one(arrived, arrived_by_http2):
    host = f"Host: {TENANT}"
    lines = ("Cookie: a=1; b=2", "X-Between: x", "Cookie: sid=3", "cookie: sid=4")
    assert arrived("GET / HTTP/1.1", host, *lines).header("cookie") == "a=1; b=2; sid=3; sid=4"
    crumbs = [(b"cookie", crumb) for crumb in (b"a=1; b=2", b"sid=3", b"sid=4")]
    assert arrived_by_http2(*crumbs).header("cookie") == "a=1; b=2; sid=3; sid=4"
    assert arrived("GET / HTTP/1.1", host).header("cookie") is None
    assert arrived("GET / HTTP/1.1", host, "Cookie: a=1").header("cookie") == "a=1"

"""The load balancer's log as counts: shapes, routes, and what is no answer of either chain."""

from __future__ import annotations

import pytest

from migration.traffic_shift.counting import LEGACY, NEW, Kind, Window, answers_of, route_of
from migration.traffic_shift.shapes import shape_of

ARN = "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup"
GROUPS = {f"{ARN}/legacy/01": LEGACY, f"{ARN}/new/02": NEW}
ROUTES = ("/api/v1", "/api/v1/users", "/login")


def entry(request="GET https://acme.id.example.com:443/login HTTP/1.1", **changes):
    """A line in the form of the Application Load Balancer's access log."""
    field = {
        "time": "2026-03-02T12:00:00.186641Z",
        "status": "200",
        "group": f"{ARN}/new/02",
        "agent": 'an \\"agent\\" of 1.0',
    } | changes
    return (
        f"h2 {field['time']} app/public/50dc6c495c0c9188 192.0.2.131:2817 10.0.0.1:8443 0.086 "
        f'0.048 0.037 {field["status"]} 200 34 366 "{request}" "{field["agent"]}" '
        f"TLS_AES_128_GCM_SHA256 TLSv1.3 {field['group']} "
        '"Root=1-58337262-36d228ad5d99923122bbe354" "acme.id.example.com" '
        '"arn:aws:acm:us-east-1:111122223333:certificate/12345678" 500 '
        '2026-03-02T12:00:00.100000Z "forward" "-" "-" "10.0.0.1:8443" "200" "-" "-" TID_1\n'
    )


def read(*lines):
    return list(answers_of(lines, groups=GROUPS, routes=ROUTES))


def test_an_entry_is_the_answer_of_the_chain_that_gave_it():
    (answer,) = read(entry())
    assert answer.chain == NEW
    assert answer.kind == Kind("/login", "GET", "plain")
    assert (answer.status, answer.time.isoformat()) == ("200", "2026-03-02T12:00:00.186641+00:00")
    (answer,) = read(entry(group=f"{ARN}/legacy/01", status="502"))
    assert (answer.chain, answer.status) == (LEGACY, "502")


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("//api/v1/users", Kind("/api/v1/users", "GET", "double-slash")),
        ("/api/v1/users%3Flimit=1", Kind("/api/v1/users", "GET", "encoded-query")),
        ("/api//v1/users%3Flimit%3D1", Kind("/api/v1/users", "GET", "double-slash+encoded-query")),
        ("/api/v1/users/a%3Fb", Kind("/api/v1/users", "GET", "question-mark-as-data")),
        ("/api/v1/logs?since=//x", Kind("/api/v1", "GET", "plain")),
        ("/logins", Kind("other", "GET", "plain")),
        ('/x\\"y', Kind("other", "GET", "backslash")),
    ],
)
def test_a_request_is_counted_by_route_and_shape(target, kind):
    (answer,) = read(entry(f"GET https://acme.id.example.com:443{target} HTTP/2.0"))
    assert answer.kind == kind


@pytest.mark.parametrize(
    "line",
    [
        entry(status="-"),
        entry(group="-"),
        entry(group=f"{ARN}/other/03"),
        entry("- https://acme.id.example.com:443- -", group="-"),
        "",
        "not a line of such a log\n",
    ],
)
def test_what_is_no_answer_of_either_chain_is_left_out(line):
    assert read(line) == []


def test_a_method_that_nobody_should_use_makes_no_cell_of_its_own():
    (answer,) = read(entry("BREW https://acme.id.example.com:443/login HTTP/1.1"))
    assert answer.kind.method == "unusual"


def test_a_window_compares_answers_within_one_kind_of_request():
    lines = [entry(group=f"{ARN}/legacy/01")] * 3 + [entry()] + [entry(status="404")]
    other = entry("GET https://acme.id.example.com:443/api/v1/users HTTP/1.1", status="404")
    window = Window(read(*lines, other))
    login = Kind("/login", "GET", "plain")
    users = Kind("/api/v1/users", "GET", "plain")
    found = {(cell.kind, cell.status_class): rest for cell, *rest in window.cells()}
    assert found == {
        (login, "2"): [4, 1, 0.4],
        (login, "4"): [1, 1, 0.4],
        (users, "4"): [1, 1, 1.0],
    }
    assert (window.of(LEGACY), window.of(NEW)) == (3, 3)
    assert window.statuses[NEW, "/login", "404"] == 1


def test_the_longest_route_wins_however_the_path_is_spelled():
    for path in ("/api/v1/users/00u1", "/api/v1/%75sers", "//api/v1//users", "/api/v1/users?x=/"):
        assert route_of(f"https://acme.id.example.com{path}", ROUTES) == "/api/v1/users"


@pytest.mark.parametrize(
    ("target", "shape"),
    [
        ("/api/v1/users?limit=1", "plain"),
        ("http://acme.id.example.com", "plain"),
        ("http://acme.id.example.com//api", "double-slash"),
        ("/a/../b", "dot-segment"),
        ("/a/%2e%2E/b", "dot-segment"),
        ("/a/..;/b", "dot-segment"),
        ("/a%2fb", "encoded-slash"),
        ("/a;x=1", "path-param"),
        ("/a?x=;//..%2f", "plain"),
        ("/a%25b", "double-encoding"),
        ("/a%0d%0a", "control"),
        ("/a%5cb", "backslash"),
        ("/%c0%af", "overlong-utf8"),
        ("/%E2%82%AC", "plain"),
        ("/€", "non-ascii"),
        ("/a#b", "fragment"),
        ("/a|b", "illegal-char"),
        ("/a%4", "bad-percent"),
        ("/u%3Flimit=1%3Flimit=2", "question-mark-as-data"),
        ("/u%3Fcolour=red", "question-mark-as-data"),
    ],
)
def test_shapes(target, shape):
    assert shape_of(target) == shape

"""What the app is told about a request whatever a client says, and who is slowed down."""

from __future__ import annotations

import http.client

import pytest

from doubles.recording_upstream import RecordingUpstream
from doubles.wire import exchange
from local.waiting import wait_until
from tests.edge.corpus import TENANT, new_number

TRACE = f"00-{'a' * 32}-{'b' * 16}-01"


@pytest.fixture
def forwarded(plain_edge, upstream):
    """`forwarded("X-A: b")`: the request as the app got it."""

    def forwarded(*headers: str, method: str = "GET"):
        number = new_number()
        head = [f"{method} /api/v1/users HTTP/1.1", f"Host: {TENANT}", f"X-Probe: {number}"]
        request = "\r\n".join([*head, *headers, "Content-Length: 0", "Connection: close", "", ""])
        exchange(plain_edge.address, request.encode("latin-1"))
        [received] = upstream.about(number)
        return received

    return forwarded


@pytest.mark.parametrize(
    ("sent", "name", "expected"),
    [
        ("X-Forwarded-For: 6.6.6.6", "x-forwarded-for", "127.0.0.1"),
        ("X-Real-IP: 6.6.6.6", "x-real-ip", "127.0.0.1"),
        ("Forwarded: for=6.6.6.6", "forwarded", None),
        ("X-Forwarded-Host: evil.example", "x-forwarded-host", TENANT),
        ("X-Forwarded-Proto: gopher", "x-forwarded-proto", "http"),
        ("X-Edge-Verified: yes", "x-edge-verified", "1"),
        ("X-Edge-Tenant: victim", "x-edge-tenant", None),
        ("X-Edge-Mode: READ_WRITE", "x-edge-mode", None),
        ("X-Edge-Normalized: double-slash", "x-edge-normalized", None),
        ("X-Edge-Reason: none", "x-edge-reason", None),
        ("X-Forwarded-User: admin@victim", "x-forwarded-user", None),
        ("X-Forwarded-Email: admin@victim", "x-forwarded-email", None),
        ("X-Remote-User: admin@victim", "x-remote-user", None),
        ("Remote-User: admin@victim", "remote-user", None),
        ("X-Amzn-Oidc-Data: e30.e30.x", "x-amzn-oidc-data", None),
        ("X-Amzn-Oidc-Identity: admin", "x-amzn-oidc-identity", None),
        ("X-Amzn-Oidc-Accesstoken: x", "x-amzn-oidc-accesstoken", None),
        ("X-Amzn-Mtls-Clientcert-Subject: CN=admin", "x-amzn-mtls-clientcert-subject", None),
        ("X-Amzn-Mtls-Clientcert-Leaf: x", "x-amzn-mtls-clientcert-leaf", None),
        ("X-Original-URL: /admin/keys", "x-original-url", None),
        ("X-Rewrite-URL: /admin/keys", "x-rewrite-url", None),
        ("X-HTTP-Method-Override: DELETE", "x-http-method-override", None),
        ("X-HTTP-Method: DELETE", "x-http-method", None),
        ("X-Method-Override: DELETE", "x-method-override", None),
        ("Proxy: http://evil.example", "proxy", None),
        ("TE: trailers", "te", None),
        ("Upgrade: websocket", "upgrade", None),
        ("Connection: X-Forwarded-For, Cookie", "x-forwarded-for", "127.0.0.1"),
        ("X_Forwarded_For: 6.6.6.6", "x_forwarded_for", None),
        ("X-Request-Id: short", "x-request-id", ...),
        ("X-Request-Id: a-good.id_12345", "x-request-id", "a-good.id_12345"),
        (f"traceparent: {TRACE}", "traceparent", TRACE),
        ("X-Amzn-Trace-Id: Root=1-5759e988-bd8", "x-amzn-trace-id", "Root=1-5759e988-bd8"),
        ("Authorization: Bearer x", "authorization", "Bearer x"),
        ("Cookie: a=b", "cookie", "a=b"),
    ],
)  # fmt: skip
def test_a_client_cannot_speak_for_the_edge(forwarded, sent, name, expected):
    found = forwarded(sent).header(name)
    if expected is ...:
        assert found is not None
        assert len(found) == 32
    else:
        assert found == expected


def test_an_app_cannot_speak_for_the_edge_either(launch):
    """nor send a client into the edge's internal locations."""
    lines = (
        "X-Edge-Mode: X", "X-Request-Id: X", "X-Edge-Normalized: X", "X-Accel-Redirect: /_edge/503",
    )  # fmt: skip
    with RecordingUpstream(record=False) as app:
        app.head = "".join(f"{line}\r\n" for line in lines).encode()
        edge = launch(app_address=f"127.0.0.1:{app.port}")
        head = f"GET / HTTP/1.1\r\nHost: {TENANT}\r\nConnection: close\r\n\r\n"
        [answer] = exchange(edge.address, head.encode())
        assert answer.status == 200
        assert answer.repeated == frozenset()
        assert answer.headers["x-edge-mode"] == "READ_WRITE"
        assert len(answer.headers["x-request-id"]) == 32
        assert "x-edge-normalized" not in answer.headers
        edge.stop()


@pytest.fixture(scope="module")
def limited(launch):
    """An edge before a balancer on this machine, with small limits that hold."""
    with RecordingUpstream(record=False) as app:
        edge = launch(
            app_address=f"127.0.0.1:{app.port}",
            variables={
                "LIMITS": "on",
                "TRUSTED_PROXIES": "127.0.0.0/8",
                "TENANT_REQUESTS_PER_SECOND": "1",
                "CLIENT_REQUESTS_PER_SECOND": "1",
                "CLIENT_LOGINS_PER_SECOND": "1",
                "CLIENT_TOKENS_PER_SECOND": "50",
            },
        )
        yield edge
        edge.stop()


def statuses(edge, count: int, *, host: str, client: str, method="GET", target="/nope"):
    """`client` is the address that the load balancer appends; what stands before it is a lie."""
    connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=10)
    found = []
    for number in range(count):
        lie = f"6.6.{number % 250}.{number // 250}"
        headers = {"Host": host, "X-Forwarded-For": f"{lie}, {client.format(number)}"}
        connection.request(method, target, headers=headers)
        answer = connection.getresponse()
        answer.read()
        found.append((answer.status, answer.headers))
    connection.close()
    return found


def test_a_client_is_known_by_what_the_balancer_saw_and_not_by_what_it_says(limited):
    host = "one.edge.test"
    found = statuses(limited, 260, host=host, client="203.0.113.1")
    refused = [headers for status, headers in found if status == 429]
    assert 120 <= len(refused) <= 159  # a burst of 100, and then one a second
    assert refused[0]["Retry-After"] == "1"
    assert (refused[0]["X-Edge-Reason"], refused[0]["X-Edge-Mode"]) == ("rate", "READ_WRITE")


def test_a_tenant_in_a_flood_takes_nothing_from_another(limited):
    flood = statuses(limited, 260, host="loud.edge.test", client="198.51.100.{}")
    assert sum(status == 429 for status, _ in flood) >= 20
    quiet = statuses(limited, 50, host="quiet.edge.test", client="198.51.100.{}")
    assert {status for status, _ in quiet} == {404}


def test_logins_are_counted_apart_by_client(limited):
    login = {"host": "two.edge.test", "method": "POST", "target": "/api/v1/authn"}
    found = statuses(limited, 40, client="203.0.113.2", **login)
    assert 5 <= sum(status == 429 for status, _ in found) <= 19  # a burst of 20
    other = statuses(limited, 5, client="203.0.113.3", **login)
    assert {status for status, _ in other} == {200}
    reads = statuses(limited, 20, host="two.edge.test", client="203.0.113.2")
    assert {status for status, _ in reads} == {404}


def test_one_client_cannot_take_what_its_tenant_has(limited):
    flood = statuses(limited, 300, host="shared.edge.test", client="203.0.113.5")
    assert sum(status == 404 for status, _ in flood) <= 120
    others = statuses(limited, 60, host="shared.edge.test", client="198.51.100.{}")
    assert {status for status, _ in others} == {404}


@pytest.mark.parametrize("limit", ["client", "tenant"])
def test_a_host_is_one_tenant_however_it_is_written(limited, limit):
    """By case, port and last dot, and as the target's own authority beside Host."""
    name = f"by-{limit}.edge.test"
    spellings = [name, name.upper(), f"{name}:443", f"{name}:8{{}}", f"{name}.", f"{name}.:80"]
    spellings += [f"http://{name}:9{{}}/nope", f"http://{name.title()}./nope"]
    served, count = 0, 320
    for number in range(count):
        spelling = spellings[number % len(spellings)].format(number)
        target, host = ("/nope", spelling)
        if spelling.startswith("http:"):
            target, host = spelling, f"{name}:{number}"
        client = "203.0.113.6" if limit == "client" else "198.18.0.{}"
        [(status, _)] = statuses(
            limited, 1, host=host, client=client.format(number % 250), target=target
        )
        assert status in (404, 429)
        served += status == 404
    burst = 100 if limit == "client" else 200
    assert burst <= served <= burst + 60  # one a second more


def test_what_asks_about_tokens_has_a_limit_of_its_own_far_above_a_login_s(limited):
    asked = {"host": "tokens.edge.test", "method": "POST", "client": "203.0.113.7"}
    for target in ("/oauth2/v1/introspect", "/oauth2/v1/revoke", "/api/v1/sessions/me/refresh"):
        found = statuses(limited, 30, target=target, **asked)
        assert {status for status, _ in found} == {404}
    assert 429 in {status for status, _ in statuses(limited, 60, target="/api/v1/authn", **asked)}
    flood = {**asked, "host": "token-flood.edge.test", "client": "203.0.113.8"}
    found = statuses(limited, 400, target="/oauth2/v1/introspect", **flood)
    assert 429 in {status for status, _ in found}


def test_health_is_answered_in_any_flood(limited):
    statuses(limited, 260, host="three.edge.test", client="203.0.113.4")
    health = statuses(limited, 300, host="three.edge.test", client="203.0.113.4", target="/healthz")
    assert {status for status, _ in health} == {200}


def test_a_dry_run_refuses_nobody_and_logs_whom_it_would(launch):
    with RecordingUpstream(record=False) as app:
        edge = launch(
            app_address=f"127.0.0.1:{app.port}", variables={"CLIENT_REQUESTS_PER_SECOND": "1"}
        )
        found = statuses(edge, 230, host=TENANT, client="")
        assert {status for status, _ in found} == {404}
        wait_until(
            lambda: any(line["refused"] == "rate-dry-run" for line in edge.log()),
            "a line of what would be refused",
        )
        edge.stop()

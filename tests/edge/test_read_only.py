"""Read-only mode at the edge: which requests it refuses, how, and who tells it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from threading import Event, Thread

import boto3
import pytest
from moto import mock_aws

from doubles.wire import WireAnswer, exchange
from functions.control_table.mode import begin, enter_read_only, leave_read_only
from functions.mode_follower.__main__ import follow
from functions.mode_follower.flag_file import write
from functions.mode_follower.follower import follower_of
from local.waiting import wait_until
from tests.edge.corpus import TENANT

OPEN = [
    "GET /api/v1/users",
    "HEAD /api/v1/users",
    "OPTIONS /api/v1/users",
    "POST /api/v1/authn",
    "POST //api//v1//authn",
    "POST /api/v1/authn/factors/mfa1/verify",
    "POST /oauth2/v1/token",
    "POST /oauth2/default/v1/token",
    "POST /oauth2/v1/introspect",
    "POST /oauth2/v1/revoke",
    "POST /oauth2/v1/par",
    "POST /app/acme_portal/exk1/sso/saml",
    "POST /sso/saml2/idp1",
    "POST /idp/idx/challenge/answer",
    "POST /api/v1/sessions",
    "POST /api/v1/sessions/me/lifecycle/refresh",
    "DELETE /api/v1/sessions/me",
    "POST /login",
    "POST /logout",
]
CLOSED = [
    "POST /api/v1/users",
    "POST //api/v1/users",
    "PUT /api/v1/users/00u1",
    "PATCH /api/v1/users/00u1",
    "DELETE /api/v1/users/00u1",
    "DELETE /api/v1/users/00u1%3FsendEmail=true",
    "POST /api/v1/users%3Factivate=true",
    "POST /api/v1/users?x=/api/v1/authn",
    "POST /api/v1/authn/recovery/password",
    "POST /api/v1/authn/",
    "POST /API/V1/AUTHN",
    "POST /x/api/v1/authn",
    "POST /api/v1/authnx",
    "POST /idp/idx/credential/enroll",
    "POST /",
    "PUT /healthx",
]
# Another reading of the path would open these: they are refused before the gate, in any mode.
AMBIGUOUS = [
    "POST /api/v1/authn/../users",
    "POST /api/v1/authn%2f..%2fusers",
    "POST /api/v1/authn;/../users",
    "POST /api/v1/users#/api/v1/authn",
]


@pytest.fixture
def ask(plain_edge):
    def ask(request: str, *headers: str) -> WireAnswer:
        lines = [f"{request} HTTP/1.1", f"Host: {TENANT}", *headers, "Content-Length: 0", "", ""]
        [answer] = exchange(plain_edge.address, "\r\n".join(lines).encode())
        return answer

    return ask


@pytest.fixture
def read_only(plain_edge):
    (plain_edge.run / "read-only").touch()
    yield
    (plain_edge.run / "read-only").unlink()


@pytest.mark.parametrize("request_line", OPEN)
def test_stays_open(ask, read_only, request_line):
    answer = ask(request_line)
    assert answer.status in (200, 404)  # of the app
    assert answer.headers["x-edge-mode"] == "READ_ONLY"
    assert "x-edge-reason" not in answer.headers


@pytest.mark.parametrize("request_line", CLOSED)
def test_is_refused_and_only_then(ask, plain_edge, upstream, request_line):
    assert ask(request_line).status in (200, 404)
    (plain_edge.run / "read-only").touch()
    try:
        before = len(upstream.received)
        answer = ask(request_line, "X-HTTP-Method-Override: GET")
        assert (answer.status, answer.headers["x-edge-reason"]) == (503, "read-only")
        assert len(upstream.received) == before
    finally:
        (plain_edge.run / "read-only").unlink()


@pytest.mark.parametrize("request_line", AMBIGUOUS)
def test_no_other_spelling_opens_the_gate(ask, upstream, read_only, request_line):
    before = len(upstream.received)
    assert ask(request_line).status == 400
    assert len(upstream.received) == before


def test_a_refusal_says_what_every_client_of_this_api_knows(ask, read_only):
    answer = ask("POST /api/v1/users")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert int(answer.headers["retry-after"]) > 0
    printed = json.loads(answer.body)
    assert (printed["status"], printed["code"], printed["errorCode"]) == (
        503,
        "E0000010",
        "E0000010",
    )
    assert printed["errorSummary"] == "Service is in read only mode"
    assert printed["requestId"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("mode", ["READ_WRITE", "READ_ONLY"])
def test_every_answer_tells_the_mode(ask, plain_edge, mode):
    flag = plain_edge.run / "read-only"
    if mode == "READ_ONLY":
        flag.touch()
    try:
        for line in ("GET /healthz", "GET /readyz", "GET /nope", "GET /a%2fb", "GET /admin",
                     "FOO /", "GET /_edge/400", "get /"):  # fmt: skip
            assert ask(line).headers["x-edge-mode"] == mode, line
        assert json.loads(ask("GET /readyz").body) == {"mode": mode}
        request = b"GET / HTTP/1.1\r\nHost: elsewhere.example\r\nConnection: close\r\n\r\n"
        [answer] = exchange(plain_edge.address, request)
        assert (answer.status, answer.headers["x-edge-mode"]) == (421, mode)
    finally:
        flag.unlink(missing_ok=True)


def test_the_control_table_s_mode_reaches_nginx_through_the_sidecar(ask, plain_edge):
    with mock_aws():
        dynamodb = boto3.client("dynamodb", region_name="us-east-1")
        keys = ("pk", "HASH"), ("sk", "RANGE")
        dynamodb.create_table(
            TableName="control",
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n, _ in keys],
            KeySchema=[{"AttributeName": n, "KeyType": kind} for n, kind in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        now = datetime.now(UTC)
        begin(dynamodb, "control", by="bootstrap", at=now)
        follower = follower_of(
            dynamodb, "control", layer="edge", task_id="one",
            obey=lambda state: write(plain_edge.run, state),
        )  # fmt: skip
        stopping = Event()
        running = Thread(target=follow, args=(follower, stopping), kwargs={"seconds": 0.05})
        running.start()
        try:
            wait_until(lambda: (plain_edge.run / "mode").exists(), "the file of the mode")
            assert ask("POST /api/v1/users").status == 200
            enter_read_only(dynamodb, "control", reason="drill", by="ana", at=now)
            wait_until(lambda: ask("POST /api/v1/users").status == 503, "a refused write")
            assert ask("POST /api/v1/authn").status == 200
            leave_read_only(dynamodb, "control", epoch=2, reason="done", by="ana", at=now)
            wait_until(lambda: ask("POST /api/v1/users").status == 200, "a write that is taken")
        finally:
            stopping.set()
            running.join(10)
            for name in ("mode", "read-only"):
                (plain_edge.run / name).unlink(missing_ok=True)


class TestStart:
    def test_nginx_listens_once_the_mode_is_known(self, launch, upstream, tmp_path):
        """The sidecar's files are there first: the first answer is in the right mode."""
        run = tmp_path / "run"
        run.mkdir()
        (run / "read-only").touch()
        (run / "mode").touch()
        edge = launch(
            app_address=f"127.0.0.1:{upstream.port}", run=run, variables={"MODE_WAIT_SECONDS": "30"}
        )
        [answer] = exchange(edge.address, _post("/api/v1/users"))
        assert answer.status == 503
        edge.stop()

    def test_where_nobody_says_the_mode_it_takes_no_writes(self, launch, upstream):
        edge = launch(
            app_address=f"127.0.0.1:{upstream.port}", variables={"MODE_WAIT_SECONDS": "1"}
        )
        [answer] = exchange(edge.address, _post("/api/v1/users"))
        assert answer.status == 503
        [answer] = exchange(edge.address, _post("/api/v1/authn"))
        assert answer.status == 200
        edge.stop()


def _post(path: str) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: {TENANT}\r\nContent-Length: 0\r\n\r\n".encode()

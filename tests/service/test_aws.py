"""Calls of AWS: signed, tried again where that can help, on kept connections."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError, NoCredentialsError

from local.one_machine import OneMachine
from service.aws import Aws
from tests.service.conftest import aws_of


class _Endpoint(ThreadingHTTPServer):
    """Answers with what `answers` has next, None for a connection that is closed; keeps count."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, Any]] | None] = []
        self.asked: list[dict[str, str]] = []
        self.connections = 0
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Endpoint  # pyright: ignore[reportIncompatibleVariableOverride]

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append({name.lower(): value for name, value in self.headers.items()})
        answer = self.server.answers.pop(0)
        if answer is None:
            self.close_connection = True
            return
        status, found = answer
        body = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Endpoint]:
    with _Endpoint() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
        yield server
        server.shutdown()


def _run(work: Callable[[Aws], Coroutine[Any, Any, Any]]) -> Any:
    async def run() -> Any:
        aws = Aws("us-west-2")
        try:
            return await work(aws)
        finally:
            await aws.close()

    return asyncio.run(run())


async def _get(aws: Aws) -> Any:
    return await aws.call("dynamodb", "GetItem", TableName="t")


def test_calls_share_a_kept_connection(endpoint: _Endpoint):
    endpoint.answers = [(200, {"Item": {}})] * 5

    async def calls(aws: Aws) -> list[Any]:
        return [await _get(aws) for _ in range(5)]

    assert _run(calls) == [{"Item": {}}] * 5
    assert endpoint.connections == 1
    assert endpoint.asked[0]["x-amz-target"] == "DynamoDB_20120810.GetItem"
    assert "Credential=AKID/" in endpoint.asked[0]["authorization"]
    assert "/us-west-2/dynamodb/" in endpoint.asked[0]["authorization"]
    assert endpoint.asked[0]["x-amz-security-token"] == "token"


@pytest.mark.parametrize(
    "failure",
    [
        None,
        (500, {}),
        (503, {"__type": "x#ServiceUnavailable"}),
        (400, {"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException"}),
        (400, {"__type": "x#ProvisionedThroughputExceededException"}),
    ],
    ids=str,
)
def test_what_a_second_attempt_can_help_has_three(endpoint: _Endpoint, failure: Any):
    endpoint.answers = [failure, failure, (200, {"Item": {}})]
    assert _run(_get) == {"Item": {}}
    endpoint.answers = [failure] * 3
    with pytest.raises((HTTPClientError, ClientError)):
        _run(_get)
    assert endpoint.answers == []


def test_a_refusal_is_not_asked_again_and_has_its_code(endpoint: _Endpoint):
    endpoint.answers = [(400, {"__type": "x#ConditionalCheckFailedException", "message": "no"})]
    with pytest.raises(ClientError, match="no") as refused:
        _run(_get)
    assert refused.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
    assert len(endpoint.asked) == 1


def test_a_service_that_says_nothing_is_given_up(endpoint: _Endpoint):
    async def hang(aws: Aws) -> None:
        server = await asyncio.start_server(lambda *_: asyncio.sleep(30), "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        aws._clients["sqs"] = aws._session.client("sqs", endpoint_url=url)
        with pytest.raises(HTTPClientError):
            await aws.call("sqs", "ReceiveMessage", seconds=0.1)
        server.close()

    began = time.monotonic()
    _run(hang)
    assert time.monotonic() - began < 10


def test_credentials_that_are_missing_are_a_failure_of_the_call(monkeypatch: pytest.MonkeyPatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(NoCredentialsError):
        _run(_get)


def test_the_double_keeps_connections_as_aws_does(machine: OneMachine):
    """moto's own server closes each connection, so that every call would open one."""
    with aws_of(machine) as (aws, run):

        async def calls() -> int:
            for _ in range(5):
                await aws.call("dynamodb", "ListTables")
            assert aws._http is not None
            assert aws._http.connector is not None
            return sum(map(len, aws._http.connector._conns.values()))

        assert run(calls()) == 1

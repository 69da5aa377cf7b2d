"""An account in moto, and CloudFormation's end of a custom resource."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import boto3
import pytest
from moto import mock_aws


@pytest.fixture
def ecs() -> Iterator[Any]:
    """Amazon ECS in an empty account."""
    with mock_aws():
        yield boto3.client("ecs", region_name="us-east-1")


def create_control_table(dynamodb: Any) -> None:
    """An empty one, named "control"."""
    dynamodb.create_table(
        TableName="control",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")
        ],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    """Amazon DynamoDB in an account with an empty control table, named "control"."""
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        create_control_table(client)
        yield client


@dataclass
class CloudFormation:
    """A pre-signed URL, what was put there, and how many connections it drops first."""

    url: str
    drops: int = 0
    puts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def answer(self) -> dict[str, Any]:
        (_, body) = self.puts[-1]
        return json.loads(body)


@pytest.fixture
def cloudformation() -> Iterator[CloudFormation]:
    """A real server on 127.0.0.1 that takes answers of custom resources."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:  # noqa: N802 (named by http.server)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            if stand_in.drops > 0:
                stand_in.drops -= 1
                return  # without an answer: the connection closes
            stand_in.puts.append((headers, body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    stand_in = CloudFormation(f"http://127.0.0.1:{server.server_port}/stack?Signature=a%2Bb")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield stand_in
    server.shutdown()
    thread.join()
    server.server_close()

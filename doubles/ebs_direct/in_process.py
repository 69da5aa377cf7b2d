"""The cloud inside this process: botocore hands a signed request over before it would be sent."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from doubles.ebs_direct.cloud import Cloud
from doubles.ebs_direct.faults import ConnectionLost, Stalled
from doubles.ebs_direct.http import Response, SignedRequest


def session(cloud: Cloud, *, region: str = "us-east-1") -> boto3.Session:
    """Return a session whose every client ends in the cloud, and never at a socket."""
    made = boto3.Session("testing", "testing", region_name=region)

    def send(request: Any, **_: Any) -> AWSResponse:
        return _send(cloud, request)

    made.events.register_first("before-send", send)
    return made


def client(cloud: Cloud, service: str) -> Any:
    """One client, which does not try again by itself."""
    config = Config(
        retries={"total_max_attempts": 1},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return session(cloud).client(service, config=config)


class InProcessConnections:
    """The cloud in the place of the lean way's connections."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def exchange(
        self,
        origin: str,
        method: str,
        target: str,
        headers: dict[str, str],
        body: Any,
        into: memoryview | None,
    ) -> Any:
        """As LeanConnections.exchange, without a connection."""
        try:
            answer = self._cloud.answer(_asked(method, target, headers, body))
        except ConnectionLost as lost:
            raise ConnectionResetError("connection lost") from lost
        except Stalled as stalled:
            raise TimeoutError("read timed out") from stalled
        content = answer.body
        if into is not None and answer.status < 300:
            into[: len(content)] = content[: len(into)]
            content = b""
        return SimpleNamespace(
            status=answer.status,
            headers=answer.headers,
            body=content,
            received=len(answer.body),
        )


def _asked(method: str, url: str, headers: Any, body: Any) -> SignedRequest:
    named = {
        name.lower(): value.decode() if isinstance(value, bytes) else str(value)
        for name, value in headers.items()
    }
    named.setdefault("host", urlsplit(url).netloc)
    if isinstance(body, list):
        body = b"".join(body)
    if isinstance(body, memoryview):
        body = bytes(body)
    if hasattr(body, "read"):
        body = body.read()
    return SignedRequest.read(
        method, url, named, body.encode() if isinstance(body, str) else body or b""
    )


def _send(cloud: Cloud, request: Any) -> AWSResponse:
    asked = _asked(request.method, request.url, request.headers, request.body)
    try:
        answer = cloud.answer(asked)
    except ConnectionLost as lost:
        raise ConnectionClosedError(endpoint_url=request.url) from lost
    except Stalled as stalled:
        raise ReadTimeoutError(endpoint_url=request.url) from stalled
    return _response(request, answer)


def _response(request: Any, answer: Response) -> AWSResponse:
    headers = {"content-length": str(len(answer.body)), **answer.headers}
    return AWSResponse(request.url, answer.status, headers, _Raw(answer.body))


class _Raw(io.BytesIO):
    """What botocore expects of urllib3's response."""

    def stream(self, **_: Any) -> Any:
        content = self.read()
        while content:
            yield content
            content = self.read()

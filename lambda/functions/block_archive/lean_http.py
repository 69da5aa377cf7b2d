"""Requests with botocore's credentials and signature, and their bytes over urllib3 alone.

botocore spends 0.9 ms of processor time around each block; this spends a quarter of that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import urllib3
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.httpsession import get_cert_path
from urllib3.exceptions import HTTPError, IncompleteRead

from functions.block_archive.botocore_blocks import filled
from functions.block_archive.bucket import Body, size_of
from functions.block_archive.errors import TransientError

EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@dataclass(frozen=True, kw_only=True)
class SignedService:
    """Names where requests go, and what their signature is scoped to."""

    name: str  # as the signature calls it: ebs or s3
    region: str
    url: str  # without a last slash; of a bucket, the bucket's

    host: str = field(init=False)
    origin: str = field(init=False)  # the URL up to its path

    def __post_init__(self) -> None:
        url = urlsplit(self.url)
        object.__setattr__(self, "host", url.netloc)
        object.__setattr__(self, "origin", f"{url.scheme}://{url.netloc}")


@dataclass(frozen=True)
class HttpAnswer:
    """An answer, whole."""

    status: int
    headers: Any  # by name in any case
    body: bytes  # empty where it went into a buffer
    received: int


class HttpConnections(Protocol):
    """urllib3's connections to one host, or a fake in their place."""

    def urlopen(self, method: str, url: str, **options: Any) -> Any:
        """An answer of urllib3, its body not yet read; `url` is the path and query."""
        ...


class Pool(Protocol):
    """urllib3's PoolManager, or a fake in its place."""

    def connection_from_url(self, url: str) -> HttpConnections:
        """The connections to the URL's host."""
        ...


def pool(connections: int, *, connect: float, read: float, bundle: str | None) -> Any:
    """Connections that are kept alive; limits in seconds, `bundle` a file of CAs besides."""
    return urllib3.PoolManager(
        num_pools=4,
        maxsize=connections,
        timeout=urllib3.Timeout(connect=connect, read=read),
        retries=False,  # block_archive.attempts tries again
        cert_reqs="CERT_REQUIRED",
        ca_certs=bundle or get_cert_path(True),
    )


class LeanHttp:
    """Holds one connection pool and one set of credentials, for every service and thread."""

    def __init__(self, credentials: Any, connections: Pool) -> None:
        self._credentials, self._pool = credentials, connections
        self._hosts: dict[str, HttpConnections] = {}

    def send(
        self,
        service: SignedService,
        method: str,
        path: str,
        *,
        what: str,
        query: str = "",
        headers: dict[str, str] | None = None,
        body: Body | None = None,
        sha256: str = EMPTY_SHA256,
        into: memoryview | None = None,
    ) -> HttpAnswer:
        """Send one request; `path` and `query` are quoted, `sha256` is the body's in hex.

        The body of a good answer goes into the buffer, if one is given.

        Raises TransientError for a connection that is lost, refused or silent.
        """
        url = f"{service.url}{path}{f'?{query}' if query else ''}"
        target = url[len(service.origin) :]
        request = AWSRequest(method, url, {"host": service.host, **(headers or {})})
        request.context["payload_sha256"] = sha256
        signer = _S3 if service.name == "s3" else _Plain
        frozen = self._credentials.get_frozen_credentials()
        signer(frozen, service.name, service.region).add_auth(request)
        if body is not None:
            request.headers["content-length"] = str(size_of(body))
        options = {"redirect": False, "preload_content": False, "decode_content": False}
        try:
            found = self._connections(service).urlopen(
                method, target, body=body, headers=dict(request.headers.items()), **options
            )
            if into is not None and found.status < 300:
                return HttpAnswer(found.status, found.headers, b"", _into(found, into))
            content = found.read()
        except (HTTPError, OSError) as error:
            raise TransientError(f"{what}: {error}") from error
        return HttpAnswer(found.status, found.headers, content, len(content))

    def _connections(self, service: SignedService) -> HttpConnections:
        known = self._hosts.get(service.origin)
        if known is None:
            known = self._hosts[service.origin] = self._pool.connection_from_url(service.origin)
        return known


def _into(found: Any, into: memoryview) -> int:
    """Read the body into a buffer; returns its length. Raises HTTPError or OSError."""
    raw = getattr(found, "_fp", None)
    exact = found.headers.get("content-length") == str(len(into))
    if not exact or raw is None or not hasattr(raw, "readinto"):
        return filled(found.read, into)
    # http.client hands the buffer to the socket; urllib3 would read into memory of its own first.
    at = 0
    while at < len(into):
        part = raw.readinto(into[at:])
        if not part:
            found.close()
            raise IncompleteRead(at, len(into) - at)
        at += part
    found.release_conn()
    return at


class _Prehashed:
    """The body's SHA-256 is known: it is the block's checksum, or the name of the pack."""

    def payload(self, request: Any) -> str:
        return request.context["payload_sha256"]


class _Plain(_Prehashed, SigV4Auth):
    pass


class _S3(_Prehashed, S3SigV4Auth):
    pass

"""The lean way's own parts: its signature is botocore's, its connections are careful."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from datetime import UTC, datetime
from http.client import HTTPException
from urllib.parse import urlencode

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from functions.block_archive import signature
from functions.block_archive.lean_connections import LeanConnections
from functions.block_archive.lean_http import EMPTY_SHA256

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def botocore_s(credentials, service, method, url, headers, sha256):
    """Return the header `authorization` as botocore's signer makes it."""
    kind = auth.S3SigV4Auth if service == "s3" else auth.SigV4Auth
    signer = kind(credentials, service, "us-west-2")
    signer.payload = lambda request: sha256
    request = AWSRequest(method, url, headers=dict(headers))
    signer.add_auth(request)
    return request.headers["Authorization"]


@pytest.mark.parametrize("token", [None, "a session's token=="])
@pytest.mark.parametrize(
    ("service", "method", "path", "query", "headers", "sha256"),
    [
        ("ebs", "GET", "/snapshots/snap-0a/blocks/7", {"blockToken": "AA+/b=="}, {}, EMPTY_SHA256),
        ("ebs", "PUT", "/snapshots/snap-0a/blocks/7", {}, {"x-amz-checksum": "a/b="}, "ab" * 32),
        ("s3", "GET", "/archive/packs/aa/b%20c~d", {}, {"range": "bytes=1-2"}, EMPTY_SHA256),
        ("s3", "PUT", "/packs/aa", {}, {"if-none-match": "*", "content-type": "a/b"}, "cd" * 32),
    ],
)
def test_a_signature_is_botocore_s(
    monkeypatch, token, service, method, path, query, headers, sha256
):
    monkeypatch.setattr(auth, "get_current_datetime", lambda: NOW.replace(tzinfo=None))
    monkeypatch.setattr(signature.time, "gmtime", lambda: NOW.timetuple())
    credentials, host, encoded = Credentials("AKIA", "secret", token), "a.example", urlencode(query)
    url = f"https://{host}{path}{'?' if query else ''}{encoded}"
    headers = {"host": host, **headers}
    ours = signature.signed_headers(
        credentials, service, "us-west-2", (method, path, encoded), headers, sha256
    )
    theirs = botocore_s(credentials, service, method, url, headers, sha256)
    assert ours["authorization"] == theirs
    assert ours.get("x-amz-security-token") == token


@contextlib.contextmanager
def answering(*answers: bytes, tls: ssl.SSLContext | None = None):
    """Yield the origin of a server that sends these answers, one a request; it hangs up after an
    empty one. And the list of its connections, each with its count of requests."""
    rest, counts = list(answers), []
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while rest:
            try:
                connection = server.accept()[0]
            except OSError:
                return
            counts.append(0)
            with contextlib.suppress(OSError), connection:
                if tls is not None:
                    connection = tls.wrap_socket(connection, server_side=True)
                while rest and connection.recv(65_536):
                    counts[-1] += 1
                    if not (answer := rest.pop(0)):
                        break
                    connection.sendall(answer)
                    if rest and not rest[0]:
                        rest.pop(0)
                        break

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        scheme = "http" if tls is None else "https"
        yield f"{scheme}://127.0.0.1:{server.getsockname()[1]}", counts
    finally:
        rest.clear()
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)


def get(connections, origin, into=None):
    return connections.exchange(origin, "GET", "/x", {"host": "h"}, None, into)


def lean(bundle=""):
    return LeanConnections(connect=2, read=2, bundle=bundle)


FOUR = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Amz-Id: A b\r\n\r\nabcd"


def test_a_connection_is_used_again_and_its_fields_are_in_lower_case():
    with answering(FOUR, b"HTTP/1.1 100 Continue\r\n\r\n" + FOUR) as (origin, counts):
        connections, into = lean(), memoryview(bytearray(4))
        assert get(connections, origin).body == b"abcd"
        found = get(connections, origin, into)
        assert (found.status, found.headers["x-amz-id"]) == (200, "A b")
        assert (bytes(into), found.received, counts) == (b"abcd", 4, [2])


def test_a_connection_that_the_server_has_ended_is_not_used_again():
    with answering(FOUR, b"", FOUR) as (origin, counts):
        connections = lean()
        get(connections, origin)
        idle = connections._idle[origin][0].sock
        idle.settimeout(2)
        assert idle.recv(1, socket.MSG_PEEK) == b""  # it has hung up by now
        assert get(connections, origin).body == b"abcd"
        assert counts == [1, 1]


def test_a_connection_is_closed_where_the_answer_says_so():
    last = FOUR.replace(b"X-Amz-Id: A b", b"Connection: close")
    with answering(last, b"", FOUR) as (origin, counts):
        connections = lean()
        assert get(connections, origin).body == b"abcd"
        assert not connections._idle[origin]
        assert get(connections, origin).body == b"abcd"


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"


@pytest.mark.parametrize("into", [None, memoryview(bytearray(4))])
def test_a_body_in_chunks_is_read_and_the_connection_kept(into):
    with answering(CHUNKED, FOUR) as (origin, counts):
        connections = lean()
        found = get(connections, origin, into)
        assert (found.received, bytes(into) if into else found.body) == (4, b"abcd")
        assert get(connections, origin).body == b"abcd"
        assert counts == [2]


def test_a_body_longer_than_the_buffer_is_counted_and_not_kept():
    with answering(FOUR) as (origin, _):
        into = memoryview(bytearray(3))
        assert get(lean(), origin, into).received == 4
        assert bytes(into) == b"abc"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 101 + b"\r\n",
        b"HTTP/1.1 200 OK\r\na: " + b"b" * 70_000 + b"\r\n\r\n",
        b"no answer\r\n\r\n",
    ],
    ids=["body cut", "header cut", "too many fields", "too long a field", "no HTTP"],
)
@pytest.mark.parametrize("into", [None, memoryview(bytearray(4))], ids=["whole", "buffer"])
def test_what_is_cut_short_or_no_answer_is_an_error_and_its_connection_is_not_kept(answer, into):
    with answering(answer, b"") as (origin, _):
        connections = lean()
        with pytest.raises((HTTPException, OSError)):
            get(connections, origin, into)
        assert not connections._idle[origin]


def test_only_a_trusted_certificate_is_spoken_to(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=lean", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with answering(FOUR, FOUR, tls=context) as (origin, _):
        with pytest.raises(ssl.SSLCertVerificationError):
            get(
                LeanConnections(connect=2, read=2, bundle=ssl.get_default_verify_paths().cafile),
                origin,
            )
        into = memoryview(bytearray(4))
        assert get(lean(str(certificate)), origin, into).received == 4
        assert bytes(into) == b"abcd"

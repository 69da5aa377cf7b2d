"""A request and an answer, as both ways in (botocore's hook, a socket) hand them over."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from email.utils import format_datetime
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/([^/]+)/([^/]+)/aws4_request")


@dataclass(frozen=True, kw_only=True)
class SignedRequest:
    """One signed call."""

    method: str
    service: str  # from the signature's scope: ebs, s3 or ec2; empty where nothing is signed
    path: str
    query: dict[str, str]
    headers: dict[str, str]  # names in lower case
    body: bytes

    @staticmethod
    def read(method: str, target: str, headers: dict[str, str], body: bytes) -> SignedRequest:
        """Take a request line's target, or a whole URL, apart."""
        url = urlsplit(target)
        scope = _SCOPE.search(headers.get("authorization", ""))
        return SignedRequest(
            method=method,
            service=scope.group(2) if scope else "",
            path=unquote(url.path),
            query=dict(parse_qsl(url.query, keep_blank_values=True)),
            headers=headers,
            body=body,
        )


@dataclass(frozen=True, kw_only=True)
class Response:
    """An answer; a fault may cut its body short of the length that its headers promise."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class ServiceError(Exception):
    """An error as a service answers it."""

    def __init__(self, status: int, code: str, message: str, reason: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.status, self.code, self.message, self.reason = status, code, message, reason

    def answer(self, service: str) -> Response:
        """In the form of the service's protocol."""
        if service == "ebs":
            body = json.dumps({"Message": self.message, "Reason": self.reason or None})
            return Response(
                status=self.status,
                headers={"x-amzn-errortype": self.code, "content-type": "application/json"},
                body=body.encode(),
            )
        error = f"<Code>{self.code}</Code><Message>{escape(self.message)}</Message>"
        if service == "ec2":
            body = f"<Response><Errors><Error>{error}</Error></Errors></Response>"
        else:
            body = f"<Error>{error}</Error>"
        return Response(
            status=self.status, headers={"content-type": "application/xml"}, body=body.encode()
        )


def http_date(moment: object) -> str:
    """Return the date of a Last-Modified header."""
    return format_datetime(moment, usegmt=True)  # type: ignore[arg-type]

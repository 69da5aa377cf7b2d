"""Judges the tokens with which a user of Amazon RDS logs in: URLs that a role's key has signed.

The User Guide's "Connecting to your DB cluster using IAM authentication" says what they are of:
the host name that was asked for, its port, the user, the Region, and fifteen minutes.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

_SERVICE = "rds-db"
_ALGORITHM = "AWS4-HMAC-SHA256"
_TIME = "%Y%m%dT%H%M%SZ"
_LONGEST = timedelta(minutes=15)
_SKEW = timedelta(minutes=5)  # that AWS forgives the clock of whoever signs


class Keys(Protocol):
    """Who knows the keys of roles' sessions, and what the roles may do."""

    def secret_of(self, key: str, token: str | None) -> str | None:
        """Return the secret of an access key with its session's token; None where there is none."""
        ...

    def denial(self, key: str, resource: str) -> str | None:
        """Return why the key's role may not log in to a user, by its ARN; None where it may."""
        ...


@dataclass(frozen=True, kw_only=True)
class Login:
    """A login that a token is to allow: the server's Region and names, and the user.

    `users` is the ARN of the server's users, without the name (arn:aws:rds-db:...:dbuser:<id>).
    """

    region: str
    hosts: tuple[str, ...]
    port: int
    user: str
    users: str


def refusal(token: str, login: Login, *, now: datetime, keys: Keys) -> str | None:
    """Return why the token does not allow the login, or None where it does."""
    try:
        url = urlsplit(f"https://{token}")
    except ValueError as error:
        return f"the token is no URL: {error}"
    found = dict(parse_qsl(url.query, keep_blank_values=True))
    stated = {
        "Action": ("connect", found.get("Action")),
        "DBUser": (login.user, found.get("DBUser")),
        "X-Amz-Algorithm": (_ALGORITHM, found.get("X-Amz-Algorithm")),
        "X-Amz-SignedHeaders": ("host", found.get("X-Amz-SignedHeaders")),
    }
    for name, (expected, got) in stated.items():
        if got != expected:
            return f"'{name}' should be {expected}, got {got!r}"
    if url.netloc not in {f"{host}:{login.port}" for host in login.hosts}:
        return f"the token is for {url.netloc}, and this is {', '.join(login.hosts)}"
    key, _, scope = found.get("X-Amz-Credential", "").partition("/")
    time = found.get("X-Amz-Date", "")
    expected = f"{time[:8]}/{login.region}/{_SERVICE}/aws4_request"
    if scope != expected:
        return f"the token is signed for '{scope}', and this server is of '{expected}'"
    if (late := _age_problem(time, found.get("X-Amz-Expires", ""), now)) is not None:
        return late
    secret = keys.secret_of(key, found.get("X-Amz-Security-Token"))
    if secret is None:
        return f"no role has the access key '{key}'"
    given = found.pop("X-Amz-Signature", "")
    if not hmac.compare_digest(given, _signature(url.netloc, found, key, secret, login.region)):
        return f"the signature is not that of the access key '{key}'"
    return keys.denial(key, f"{login.users}/{login.user}")


def _age_problem(time: str, seconds: str, now: datetime) -> str | None:
    try:
        signed, valid = datetime.strptime(time, _TIME), timedelta(seconds=int(seconds))
    except ValueError:
        return f"the token's time '{time}' or its age '{seconds}' cannot be read"
    age = now - signed.replace(tzinfo=UTC)
    if not timedelta() < valid <= _LONGEST:
        return f"a token may be valid for 15 minutes, and this one asks for {valid}"
    if not -_SKEW <= age <= valid:
        return f"the token was signed {age} ago and was valid for {valid}"
    return None


def _signature(host: str, query: dict[str, str], key: str, secret: str, region: str) -> str:
    """Return the signature as whoever has the secret makes it, at the time that the query names."""
    request = AWSRequest(method="GET", url=f"https://{host}/", params=query, headers={"host": host})
    request.context["timestamp"] = query["X-Amz-Date"]
    signer = SigV4QueryAuth(Credentials(key, secret), _SERVICE, region)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    return str(signer.signature(text, request))

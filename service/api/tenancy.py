"""The tenant that a request is about, and who makes it."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from urllib.parse import unquote_plus
from uuid import UUID

from service.api import problems
from service.api.call import Call
from service.api.problems import ProblemError
from service.passwords import secret_hash
from service.sessions import Caller
from service.stores.entity import Tenant

COOKIE = "__Host-sid"  # browsers take it from this host alone, by TLS, for every path
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_TOKEN_MAX = 256
_SHOWN_MAX = 4  # tokens of one request that the session store is asked about


async def tenant_of(call: Call) -> Tenant:
    """Return the tenant of the request's Host; ProblemError where there is none."""
    host = call.headers.get("host", "").lower().partition(":")[0].rstrip(".")
    label, dot, domain = host.partition(".")
    if dot and domain == call.runtime.settings.domain and _LABEL.fullmatch(label):
        tenant = await call.runtime.entities.tenant(label)
        if tenant is not None:
            return tenant
    raise ProblemError(problems.NOT_FOUND, ("no tenant has this host",))


def cookies_of(call: Call, wanted: str) -> list[str]:
    """Return each value of the request's cookies of this name, at most a few."""
    parts = ";".join(call.headers.getlist("cookie")).split(";")
    pairs = (part.strip().partition("=") for part in parts)
    return list(dict.fromkeys(value for name, _, value in pairs if name == wanted))[:_SHOWN_MAX]


def tokens_of(call: Call) -> list[str]:
    """Return the request's session tokens: that of Authorization, else each of its cookies."""
    scheme, _, value = call.headers.get("authorization", "").partition(" ")
    shown = [value.strip()] if scheme.lower() == "bearer" else cookies_of(call, COOKIE)
    return [token for token in shown if 0 < len(token) <= _TOKEN_MAX]


async def caller_of(call: Call) -> Caller:
    """Return who shows a valid session; ProblemError where nobody does.

    A token that is no longer valid does not hide a valid one beside it: a client may send several
    cookies of one name (RFC 6265, 4.2.2), and its user could not get rid of the stale one.
    """
    for token in tokens_of(call):
        caller = await call.runtime.sessions.caller(call.tenant, token, newest=call.endpoint.writes)
        if caller is not None:
            return caller
    raise ProblemError(problems.NO_SESSION)


async def application_of(call: Call) -> UUID:
    """Return the id of the application whose secret the request shows (RFC 7617); ProblemError."""
    refused = ProblemError(problems.NO_CLIENT, (), {"WWW-Authenticate": 'Basic realm="oauth2"'})
    scheme, _, value = call.headers.get("authorization", "").partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError(scheme)
        name, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
        application = UUID(unquote_plus(name))
    except (ValueError, binascii.Error):
        raise refused from None
    call.shown = application
    stored = await call.runtime.entities.application_secret(call.tenant, application)
    # RFC 6749 encodes both as a form does, and many clients do not.
    shown = {secret_hash(secret), secret_hash(unquote_plus(secret))}
    if stored is None or not any(hmac.compare_digest(stored, each) for each in shown):
        raise refused
    return application

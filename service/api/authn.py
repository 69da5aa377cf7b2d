"""Logins: a reader of the entity store, the session store and the queue, and neither master."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from service.api import problems
from service.api.call import Answer, Call, Endpoint
from service.api.problems import ProblemError
from service.api.tenancy import COOKIE
from service.stores.session import new_token

# Attempts in a window, per Region: of one login, and of one client's address. A login that succeeds
# is not counted, so that an office behind one address is not locked out.
WINDOW_SECONDS = 300
PER_LOGIN, PER_CLIENT = 10, 100

PASSWORD_MAX = 256
_ACCOUNT = {"type": "object", "properties": {"id": {"type": "string"}, "login": {"type": "string"}}}


async def authenticate(call: Call) -> Answer:
    """A session for a login and its password.

    The answer, its time and the limit are the same for a login that nobody has.
    """
    given = await call.body()
    runtime, tenant = call.runtime, call.tenant
    login, client = given["username"].strip().lower(), call.client
    by_login, by_client, account = await asyncio.gather(
        _count(call, "login", login),
        _count(call, "client", client),
        runtime.entities.credentials(tenant, login),
    )
    if by_login > PER_LOGIN or by_client > PER_CLIENT:
        await call.runtime.tell(call, "login", "limited", login=login, account=account)
        raise ProblemError(problems.TOO_MANY, (), {"Retry-After": str(WINDOW_SECONDS)})
    stored = account["password_hash"] if account else None
    matches = await runtime.passwords.verify(stored, given["password"])
    if not matches or account is None or account["status"] != "ACTIVE":
        await runtime.tell(call, "login", "failure", login=login, account=account)
        raise ProblemError(problems.NOT_AUTHENTICATED)
    runtime.later(_count(call, "login", login, -1), _count(call, "client", client, -1))
    token = new_token()
    session = await runtime.sessions.store.make(
        tenant,
        token,
        account=account["id"],
        login=account["login"],
        epoch=account["session_epoch"],
    )
    await runtime.tell(call, "login", "success", login=login, account=account)
    return Answer(
        {
            "status": "SUCCESS",
            "sessionToken": token,
            "expiresAt": _time(session.expires),
            "user": {"id": str(account["id"]), "login": account["login"]},
        },
        headers={"Set-Cookie": _cookie(token)},
    )


async def show(call: Call) -> Answer:
    return Answer(_view(call))


async def refresh(call: Call) -> Answer:
    """The session with its idle time begun anew."""
    session = await call.runtime.sessions.refresh(call.tenant, call.caller.session)
    if session is None:
        raise ProblemError(problems.NO_SESSION)
    return Answer(_view(call) | {"expiresAt": _time(session.expires)})


async def end(call: Call) -> Answer:
    session = call.caller.session
    await call.runtime.sessions.end(call.tenant, session)
    await call.runtime.tell(call, "session.end", "success")
    return Answer(status=204, headers={"Set-Cookie": _cookie("", seconds=0)})


async def _count(call: Call, kind: str, value: str, by: int = 1) -> int:
    return await call.runtime.sessions.store.count(
        call.tenant, kind, value, window_seconds=WINDOW_SECONDS, by=by
    )


def _view(call: Call) -> dict[str, Any]:
    session = call.caller.session
    return {
        "status": "ACTIVE",
        "userId": str(session.account),
        "login": session.login,
        "role": call.caller.role,
        "amr": list(session.methods),
        "createdAt": _time(session.created),
        "expiresAt": _time(session.expires),
    }


@lru_cache(10_000)
def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _cookie(token: str, *, seconds: int | None = None) -> str:
    age = "" if seconds is None else f"; Max-Age={seconds}"
    return f"{COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Lax{age}"


_SESSION = {
    "type": "object",
    "required": ["status", "userId", "login", "role", "amr", "createdAt", "expiresAt"],
    "properties": {
        "status": {"type": "string", "enum": ["ACTIVE"]},
        "userId": {"type": "string", "format": "uuid"},
        "login": {"type": "string"},
        "role": {"type": "string"},
        "amr": {"type": "array", "items": {"type": "string"}},
        "createdAt": {"type": "string", "format": "date-time"},
        "expiresAt": {"type": "string", "format": "date-time"},
    },
}

ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/v1/sessions/me",
        name="getSession",
        summary="The session that the request shows",
        act=show,
        stores=("session", "entity reader, once in 10 s an account"),
        answer=_SESSION,
    ),
    Endpoint(
        method="DELETE",
        path="/api/v1/sessions/me",
        name="endSession",
        summary="End the session",
        act=end,
        status=204,
        stores=("session", "entity reader, once in 10 s an account", "queue"),
    ),
    Endpoint(
        method="POST",
        path="/api/v1/sessions/me/refresh",
        name="refreshSession",
        summary="Begin the session's idle time anew",
        act=refresh,
        stores=("session", "entity reader, once in 10 s an account"),
        answer=_SESSION,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/authn",
        name="authenticate",
        summary="A session for a login and its password",
        act=authenticate,
        access="anyone",
        stores=("entity reader", "session", "queue"),
        body={
            "type": "object",
            "required": ["username", "password"],
            "properties": {
                "username": {"type": "string", "minLength": 1, "maxLength": 320},
                "password": {"type": "string", "minLength": 1, "maxLength": PASSWORD_MAX},
            },
            "additionalProperties": False,
        },
        answer={
            "type": "object",
            "required": ["status", "sessionToken", "expiresAt", "user"],
            "properties": {
                "status": {"type": "string", "enum": ["SUCCESS"]},
                "sessionToken": {"type": "string"},
                "expiresAt": {"type": "string", "format": "date-time"},
                "user": _ACCOUNT,
            },
        },
        problems=(problems.NOT_AUTHENTICATED, problems.TOO_MANY),
    ),
)

"""Logins: a reader of the entity store, the session store and the queue, and neither master."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from service.api import problems
from service.api.call import Call
from service.api.models import Account, Credentials, NewSession, SessionView
from service.api.problems import ProblemError
from service.api.tenancy import COOKIE
from service.databases import Row
from service.stores.attempts import WINDOW_SECONDS
from service.stores.session import Session, new_token


async def authenticate(call: Call, credentials: Credentials) -> NewSession:
    """Begin a session for a login and its password.

    The answer, its time and the limit are the same for a login that nobody has.
    """
    login = credentials.username
    account = await verified(call, "login", login, credentials.password)
    session = await begin_session(call, account)
    await call.record("login", login=login, account=account)
    return session


async def verified(call: Call, kind: str, login: str, password: str) -> Row:
    """Return the active account with this login and password; ProblemError, and an event, else.

    `kind` is the event's: what the password is shown for.
    """
    runtime, tenant, client = call.runtime, call.tenant, call.address
    # Those under way are not counted yet, so there are never more of one pair than may fail.
    with runtime.attempts_under_way.hold((tenant.id, login, client)):
        async with runtime.passwords.turn(tenant.id):
            return await _verified(call, kind, login, client, password)


async def begin_session(call: Call, account: Row) -> NewSession:
    """Return a new session of the account, and set its cookie."""
    token = new_token()
    session = await call.runtime.sessions.store.make(
        call.tenant,
        token,
        account=account["id"],
        login=account["login"],
        epoch=account["session_epoch"],
    )
    call.answer_headers["Set-Cookie"] = _cookie(token)
    return NewSession(
        session_token=token,
        expires_at=_time(session.expires),
        user=Account(id=account["id"], login=account["login"]),
    )


async def _verified(call: Call, kind: str, login: str, client: str, password: str) -> Row:
    attempts = call.runtime.attempts
    tried, account = await asyncio.gather(
        attempts.find(call.tenant, login, client),
        call.runtime.entities.credentials(call.tenant, login),
    )
    if tried.is_limited:
        await call.record(kind, "limited", login=login, account=account)
        raise ProblemError(problems.TOO_MANY, (), {"Retry-After": str(WINDOW_SECONDS)})
    stored = account["password_hash"] if account else None
    matches = await call.runtime.passwords.verify(stored, password)
    if not matches or account is None or account["status"] != "ACTIVE":
        await attempts.count_failure(call.tenant, login, client)
        await call.record(kind, "failure", login=login, account=account)
        raise ProblemError(problems.NOT_AUTHENTICATED)
    if tried.should_be_known:
        call.runtime.later(attempts.make_known(call.tenant, login, client))
    return account


async def get_session(call: Call) -> SessionView:
    """Show the session that the request comes with."""
    return _view(call, call.caller.session)


async def refresh_session(call: Call) -> SessionView:
    """Begin the session's idle time anew."""
    session = await call.runtime.sessions.refresh(call.tenant, call.caller.session)
    if session is None:
        raise ProblemError(problems.NO_SESSION)
    return _view(call, session)


async def end_session(call: Call) -> None:
    """End the session."""
    await call.runtime.sessions.end(call.tenant, call.caller.session)
    await call.record("session.end")
    call.answer_headers["Set-Cookie"] = _cookie("", seconds=0)


def _view(call: Call, session: Session) -> SessionView:
    return SessionView(
        user_id=session.account,
        login=session.login,
        role=call.caller.role,
        amr=session.methods,
        created_at=_time(session.created),
        expires_at=_time(session.expires),
    )


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _cookie(token: str, *, seconds: int | None = None) -> str:
    age = "" if seconds is None else f"; Max-Age={seconds}"
    return f"{COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Lax{age}"

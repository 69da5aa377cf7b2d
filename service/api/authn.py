"""Logins: a reader of the entity store, the session store and the queue, and neither master."""

from __future__ import annotations

from datetime import UTC, datetime

from service.api import problems
from service.api.call import Call
from service.api.models import Account, Credentials, NewSession, SessionView
from service.api.problems import ProblemError
from service.api.tenancy import COOKIE, cookies_of
from service.databases import Row
from service.devices import DEVICE_SECONDS, cookie_name, is_stamped, known_device, new_device
from service.stores.attempts import ROW_MAX, WINDOW_SECONDS, counters
from service.stores.session import Session, new_token

_WORN = "it failed too often from here: use another device, or have the password set anew"


async def authenticate(call: Call, credentials: Credentials) -> NewSession:
    """Begin a session for a login and its password.

    The answer, its time and the limit are the same for a login that nobody has.
    """
    login = credentials.username
    account = await verified(call, "login", login, credentials.password, credentials.stamp)
    session = await begin_session(call, account, stored=account["password_hash"])
    await call.record("login", login=login, account=account)
    return session


async def verified(
    call: Call, kind: str, login: str, password: str, stamp: str | None = None
) -> Row:
    """Return the active account with this login and password; ProblemError, and an event, else.

    `kind` is the event's: what the password is shown for.
    """
    async with call.runtime.passwords.turn(call.tenant.id, call.client_network):
        return await _verified(call, kind, login, password, stamp)


async def begin_session(call: Call, account: Row, *, stored: str) -> NewSession:
    """Return a new session of the account, and set its cookie and that of the device.

    `stored` is the hash of the account's password.
    """
    token, login = new_token(), account["login"]
    session = await call.runtime.sessions.store.make(
        call.tenant,
        token,
        account=account["id"],
        login=login,
        epoch=account["session_epoch"],
    )
    device = new_device(_owner(call, login), stored, now=session.created)
    call.answer_cookies += [
        _cookie(COOKIE, token),
        _cookie(cookie_name(login), device, seconds=DEVICE_SECONDS),
    ]
    return NewSession(
        session_token=token,
        expires_at=_time(session.expires),
        user=Account(id=account["id"], login=login),
    )


async def _verified(call: Call, kind: str, login: str, password: str, stamp: str | None) -> Row:
    attempts, now = call.runtime.attempts, int(call.runtime.attempts.now())
    account = await call.runtime.entities.credentials(call.tenant, login)
    stored = account["password_hash"] if account else None
    shown = cookies_of(call, cookie_name(login))
    device = known_device(_owner(call, login), stored, shown, now=now)
    by = counters(login, stored, call.address, device)
    tried = await attempts.find(call.tenant, by)
    cause = ""
    if tried.device_row >= ROW_MAX:
        cause = _WORN
    elif bits := tried.bits(is_known=device is not None):
        texts = call.tenant.host, login, password
        if not is_stamped(stamp, texts, bits=bits, now=now):
            cause = f"stamp: should have {bits} bits"
    if cause:
        await call.record(kind, "limited", login=login, account=account)
        raise ProblemError(problems.TOO_MANY, (cause,), {"Retry-After": str(WINDOW_SECONDS)})
    matches = await call.runtime.passwords.verify(stored, password)
    if not matches or account is None or account["status"] != "ACTIVE":
        await attempts.count_failure(call.tenant, by)
        await call.record(kind, "failure", login=login, account=account)
        raise ProblemError(problems.NOT_AUTHENTICATED)
    if tried.device_row:
        call.runtime.later(attempts.end_row(call.tenant, by))
    return account


def _owner(call: Call, login: str) -> str:
    return f"{call.tenant.id}\n{login}"


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
    call.answer_cookies.append(_cookie(COOKIE, "", seconds=0))


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


def _cookie(name: str, value: str, *, seconds: int | None = None) -> str:
    age = "" if seconds is None else f"; Max-Age={seconds}"
    return f"{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{age}"

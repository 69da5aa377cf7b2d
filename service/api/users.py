"""Users of a tenant, with whatever attributes the tenant gives them, and its applications."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from service.api import authn, problems
from service.api.call import Call
from service.api.models import (
    Application,
    NewSession,
    NewUser,
    Page,
    PasswordChange,
    User,
    UserChange,
    UserPage,
    WholeUser,
)
from service.api.problems import ProblemError
from service.databases import Row
from service.stores.entity import Writer, new_id

# An ETag is the time of the last update, in microseconds since 1970.
_ETAG = re.compile(r'"([0-9a-f]{1,14})"')
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


async def list_users(call: Call, query: Annotated[UserPage, Query()]) -> list[User]:
    """List users in the order they were made; `attribute=name:value` keeps who has it."""
    name, _, value = (query.attribute or "").partition(":")
    rows = await call.runtime.entities.accounts(
        call.tenant,
        after=query.after,
        limit=query.limit,
        attributes={name: value} if name else {},
    )
    call.link_next(query, rows)
    return [User.model_validate(row) for row in rows]


async def get_user(call: Call, id: UUID) -> User:
    """Show a user: any for an admin, oneself for everybody.

    It is read from a reader, or from the writer where the reader does not have it yet.
    """
    if call.caller.role != "ADMIN" and call.caller.session.account != id:
        raise ProblemError(problems.FORBIDDEN)
    return _shown(call, await _found(call, id))


async def make_user(call: Call, user: NewUser) -> User:
    """Make a user."""
    values, account = await _values(call, user, user.login), new_id()
    row = await call.runtime.entities.make_account(
        call.tenant, account, values, by=_by(call), event=call.event("user.create")
    )
    call.runtime.outbox.wake()
    call.answer_headers["Location"] = f"/api/v1/users/{account}"
    return _shown(call, row)


async def replace_user(call: Call, id: UUID, user: WholeUser) -> User:
    """Replace the user; a new password or a suspension ends its sessions.

    With If-Match it is replaced only where it still is what was read.
    """
    return await _change(call, id, await _values(call, user, user.login))


async def change_user(call: Call, id: UUID, user: UserChange) -> User:
    """Change what is given of the user; a new password or a suspension ends its sessions.

    With If-Match it is changed only where it still is what was read.
    """
    login = user.login
    if user.password is not None and login is None:
        login = (await _found(call, id))["login"]
    return await _change(call, id, await _values(call, user, login))


async def change_own_password(call: Call, change: PasswordChange) -> NewSession:
    """Change one's own password; this session is begun anew, and every other one ends."""
    session, entities = call.caller.session, call.runtime.entities
    login = (await _found(call, session.account))["login"]  # renamed since the session began?
    try:
        known = await authn.verified(
            call, "password.change", login, change.current_password, change.stamp
        )
    except ProblemError as error:
        wrong = error.kind is problems.NOT_AUTHENTICATED
        raise (ProblemError(problems.WRONG_PASSWORD) if wrong else error) from None
    stored = await call.runtime.passwords.hash(change.new_password, login, call.tenant.id)
    row = await entities.change_own_password(
        call.tenant,
        _by(call),
        known["password_hash"],
        stored,
        event=call.event("password.change", detail={"revoked": True}),
    )
    if row is None:
        raise ProblemError(problems.CHANGED_MEANWHILE)
    call.runtime.sessions.account_changed(call.tenant, session.account)
    call.runtime.outbox.wake()
    return await authn.begin_session(call, row, stored=stored)


async def remove_user(call: Call, id: UUID) -> None:
    """Remove the user, and with it its sessions."""
    by, event = _by(call), call.event("user.remove")
    if not await call.runtime.entities.remove_account(call.tenant, id, by=by, event=event):
        raise ProblemError(problems.NOT_FOUND)
    call.runtime.sessions.account_changed(call.tenant, id)
    call.runtime.outbox.wake()


async def list_applications(call: Call, query: Annotated[Page, Query()]) -> list[Application]:
    """List the tenant's applications."""
    rows = await call.runtime.entities.applications(
        call.tenant, after=query.after, limit=query.limit
    )
    call.link_next(query, rows)
    return [Application.model_validate(row) for row in rows]


async def _found(call: Call, account: UUID) -> Row:
    """Return the account, from a reader or else the writer; ProblemError where there is none."""
    entities = call.runtime.entities
    row = await entities.account(call.tenant, account)
    if row is None and not call.runtime.mode.read_only:
        row = await entities.account(call.tenant, account, newest=True)
    if row is None:
        raise ProblemError(problems.NOT_FOUND)
    return row


async def _change(call: Call, account: UUID, values: dict[str, Any]) -> User:
    has_password = "password_hash" in values
    revoke = has_password or values.get("status") == "SUSPENDED"
    detail = {"revoked": revoke, "password": "changed"} if has_password else {"revoked": revoke}
    row = await call.runtime.entities.change_account(
        call.tenant,
        account,
        values,
        revoke=revoke,
        by=_by(call),
        event=call.event("user.change", detail=detail),
        seen=_seen(call),
    )
    if row is None:
        raise ProblemError(problems.NOT_FOUND)
    call.runtime.sessions.account_changed(call.tenant, account)
    call.runtime.outbox.wake()
    return _shown(call, row)


def _by(call: Call) -> Writer:
    return Writer(call.caller.session.account, call.caller.session.epoch)


def _seen(call: Call) -> datetime | None:
    """Return when the user was last updated as the request's If-Match has it."""
    match = call.headers.get("if-match", "*").strip()
    if match == "*":
        return None
    if not (found := _ETAG.fullmatch(match)):
        raise ProblemError(problems.CHANGED_MEANWHILE)
    return _EPOCH + int(found[1], 16) * _MICROSECOND


def _shown(call: Call, row: Row) -> User:
    """Return a user, and set the answer's ETag."""
    call.answer_headers["ETag"] = f'"{(row["updated_at"] - _EPOCH) // _MICROSECOND:x}"'
    return User.model_validate(row)


async def _values(
    call: Call, user: NewUser | WholeUser | UserChange, login: str | None
) -> dict[str, Any]:
    """Return the columns of a user; the password as its hash."""
    values = user.model_dump(exclude={"password"}, exclude_none=True)
    if user.password is not None:
        hashed = call.runtime.passwords.hash(user.password, login or "", call.tenant.id)
        values["password_hash"] = await hashed
    return values

"""Users of a tenant, with whatever attributes the tenant gives them, and its applications."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Query

from service.api import problems
from service.api.call import Call
from service.api.models import Application, NewUser, Page, User, UserPage
from service.api.problems import ProblemError
from service.databases import Row
from service.stores.entity import LoginTakenError, new_id


async def list_users(call: Call, query: Annotated[UserPage, Query()]) -> list[User]:
    """List users in the order they were made; `attribute=name:value` keeps who has it."""
    name, _, value = (query.attribute or "").partition(":")
    rows = await call.runtime.entities.accounts(
        call.tenant,
        after=query.after,
        limit=query.limit,
        attributes={name: value} if name else {},
    )
    _link_next(call, query, rows)
    return [_user(row) for row in rows]


async def get_user(call: Call, id: UUID) -> User:
    """Show a user: any for an admin, oneself for everybody.

    It is read from a reader, or from the writer where the reader does not have it yet.
    """
    if call.caller.role != "ADMIN" and call.caller.session.account != id:
        raise ProblemError(problems.FORBIDDEN)
    entities = call.runtime.entities
    row = await entities.account(call.tenant, id)
    if row is None and not call.runtime.mode.read_only:
        row = await entities.account(call.tenant, id, newest=True)
    if row is None:
        raise ProblemError(problems.NOT_FOUND)
    return _user(row)


async def make_user(call: Call, user: NewUser) -> User:
    """Make a user."""
    values, account = await _values(call, user), new_id()
    try:
        row = await call.runtime.entities.make_account(call.tenant, account, values)
    except LoginTakenError:
        raise ProblemError(problems.TAKEN, (f"login: {values['login']}",)) from None
    await call.record("user.create", "success", detail={"user": str(account)})
    call.answer_headers["Location"] = f"/api/v1/users/{account}"
    return _user(row)


async def change_user(call: Call, id: UUID, user: NewUser) -> User:
    """Replace the user; a new password or a suspension ends its sessions."""
    values = await _values(call, user)
    revoke = "password_hash" in values or values["status"] == "SUSPENDED"
    try:
        row = await call.runtime.entities.change_account(call.tenant, id, values, revoke=revoke)
    except LoginTakenError:
        raise ProblemError(problems.TAKEN, (f"login: {values['login']}",)) from None
    if row is None:
        raise ProblemError(problems.NOT_FOUND)
    call.runtime.sessions.account_changed(call.tenant, id)
    await call.record("user.change", "success", detail={"user": str(id), "revoked": revoke})
    return _user(row)


async def remove_user(call: Call, id: UUID) -> None:
    """Remove the user, and with it its sessions."""
    if not await call.runtime.entities.remove_account(call.tenant, id):
        raise ProblemError(problems.NOT_FOUND)
    call.runtime.sessions.account_changed(call.tenant, id)
    await call.record("user.remove", "success", detail={"user": str(id)})


async def list_applications(call: Call, query: Annotated[Page, Query()]) -> list[Application]:
    """List the tenant's applications."""
    rows = await call.runtime.entities.applications(
        call.tenant, after=query.after, limit=query.limit
    )
    _link_next(call, query, rows)
    return [
        Application(
            id=row["id"],
            name=row["name"],
            attributes=row["attributes"],
            created=row["created_at"],
        )
        for row in rows
    ]


def _user(row: Row) -> User:
    return User(
        id=row["id"],
        login=row["login"],
        full_name=row["full_name"],
        status=row["status"],
        role=row["role"],
        attributes=row["attributes"],
        created=row["created_at"],
        last_updated=row["updated_at"],
    )


async def _values(call: Call, user: NewUser) -> dict[str, Any]:
    """Return the columns of a user; the password as its hash."""
    values = user.model_dump(exclude={"password"})
    values["login"] = user.login.strip().lower()
    if user.password is not None:
        values["password_hash"] = await call.runtime.passwords.hash(user.password)
    return values


def _link_next(call: Call, query: Page, rows: list[Row]) -> None:
    """Set the address of the next page, with the filter of this one."""
    if len(rows) == query.limit:
        more = query.model_copy(update={"after": rows[-1]["id"]})
        parameters = urlencode(more.model_dump(mode="json", exclude_none=True))
        call.answer_headers["Link"] = f'<{call.endpoint.path}?{parameters}>; rel="next"'

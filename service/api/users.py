"""Users of a tenant, with whatever attributes the tenant gives them, and its applications."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from service.api import problems
from service.api.authn import PASSWORD_MAX
from service.api.call import Answer, Call, Endpoint
from service.api.problems import ProblemError
from service.databases import Row
from service.stores.entity import LoginTakenError, new_id

PAGE_MAX = 200
_ATTRIBUTES_MAX = 32_768  # bytes of one object's attributes


async def list_users(call: Call) -> Answer:
    limit = call.query.get("limit", 50)
    attributes = _filter(call.query.get("attribute"))
    rows = await call.runtime.entities.accounts(
        call.tenant, after=_after(call), limit=limit, attributes=attributes
    )
    return Answer([_user(row) for row in rows], headers=_next(call, rows, limit))


async def get_user(call: Call) -> Answer:
    """The user as a reader has it, or where that lags the writer."""
    account = _id(call)
    if call.caller.role != "ADMIN" and call.caller.session.account != account:
        raise ProblemError(problems.FORBIDDEN)
    entities = call.runtime.entities
    row = await entities.account(call.tenant, account)
    if row is None and not call.runtime.mode.read_only:
        row = await entities.account(call.tenant, account, newest=True)
    if row is None:
        raise ProblemError(problems.NOT_FOUND)
    return Answer(_user(row))


async def make_user(call: Call) -> Answer:
    values = await _values(call)
    account = new_id()
    try:
        row = await call.runtime.entities.make_account(call.tenant, account, values)
    except LoginTakenError:
        raise ProblemError(problems.TAKEN, (f"login: {values['login']}",)) from None
    await call.runtime.tell(call, "user.create", "success", detail={"user": str(account)})
    return Answer(_user(row), status=201, headers={"Location": f"/api/v1/users/{account}"})


async def change_user(call: Call) -> Answer:
    """All of the user anew. A new password, or a suspension, ends its sessions everywhere."""
    account, values = _id(call), await _values(call)
    revoke = "password_hash" in values or values["status"] == "SUSPENDED"
    try:
        row = await call.runtime.entities.change_account(
            call.tenant, account, values, revoke=revoke
        )
    except LoginTakenError:
        raise ProblemError(problems.TAKEN, (f"login: {values['login']}",)) from None
    if row is None:
        raise ProblemError(problems.NOT_FOUND)
    call.runtime.sessions.account_changed(call.tenant, account)
    await call.runtime.tell(
        call, "user.change", "success", detail={"user": str(account), "revoked": revoke}
    )
    return Answer(_user(row))


async def remove_user(call: Call) -> Answer:
    account = _id(call)
    if not await call.runtime.entities.remove_account(call.tenant, account):
        raise ProblemError(problems.NOT_FOUND)
    call.runtime.sessions.account_changed(call.tenant, account)
    await call.runtime.tell(call, "user.remove", "success", detail={"user": str(account)})
    return Answer(status=204)


async def list_applications(call: Call) -> Answer:
    limit = call.query.get("limit", 50)
    rows = await call.runtime.entities.applications(call.tenant, after=_after(call), limit=limit)
    shown = [
        {
            "id": str(row["id"]),
            "name": row["name"],
            "attributes": row["attributes"],
            "created": row["created_at"].isoformat(),
        }
        for row in rows
    ]
    return Answer(shown, headers=_next(call, rows, limit))


def _user(row: Row) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "login": row["login"],
        "fullName": row["full_name"],
        "status": row["status"],
        "role": row["role"],
        "attributes": row["attributes"],
        "created": row["created_at"].isoformat(),
        "lastUpdated": row["updated_at"].isoformat(),
    }


async def _values(call: Call) -> dict[str, Any]:
    """The columns of a user from a body; the password as its hash."""
    given = await call.body()
    attributes = given.get("attributes", {})
    if len(json.dumps(attributes)) > _ATTRIBUTES_MAX:
        raise ProblemError(problems.INVALID, (f"attributes: at most {_ATTRIBUTES_MAX} bytes",))
    values = {
        "login": given["login"].strip().lower(),
        "full_name": given["fullName"],
        "status": given.get("status", "ACTIVE"),
        "role": given.get("role", "USER"),
        "attributes": attributes,
    }
    if not values["login"]:
        raise ProblemError(problems.INVALID, ("login: should have 1 to 320 characters",))
    if "password" in given:
        values["password_hash"] = await call.runtime.passwords.hash(given["password"])
    return values


def _id(call: Call) -> UUID:
    try:
        return UUID(call.parameters["id"])
    except ValueError:
        raise ProblemError(problems.NOT_FOUND) from None


def _after(call: Call) -> UUID | None:
    return UUID(call.query["after"]) if "after" in call.query else None


def _filter(text: str | None) -> dict[str, str]:
    """attribute=department:sales as the attributes that a user must hold."""
    if text is None:
        return {}
    name, _, value = text.partition(":")
    return {name: value}


def _next(call: Call, rows: list[Row], limit: int) -> dict[str, str]:
    if len(rows) < limit:
        return {}
    return {"Link": f'<{call.endpoint.path}?limit={limit}&after={rows[-1]["id"]}>; rel="next"'}


_ATTRIBUTES = {"type": "object", "maxProperties": 100}
_USER = {
    "type": "object",
    "required": ["id", "login", "fullName", "status", "role", "attributes", "created"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "login": {"type": "string"},
        "fullName": {"type": "string"},
        "status": {"type": "string"},
        "role": {"type": "string"},
        "attributes": _ATTRIBUTES,
        "created": {"type": "string", "format": "date-time"},
        "lastUpdated": {"type": "string", "format": "date-time"},
    },
}
_GIVEN = {
    "type": "object",
    "required": ["login", "fullName"],
    "properties": {
        "login": {"type": "string", "minLength": 1, "maxLength": 320},
        "fullName": {"type": "string", "minLength": 1, "maxLength": 500},
        "password": {"type": "string", "minLength": 8, "maxLength": PASSWORD_MAX},
        "status": {"type": "string", "enum": ["ACTIVE", "SUSPENDED"]},
        "role": {"type": "string", "enum": ["USER", "ADMIN"]},
        "attributes": _ATTRIBUTES,
    },
    "additionalProperties": False,
}
_APPLICATION = {
    "type": "object",
    "required": ["id", "name", "attributes"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "name": {"type": "string"},
        "attributes": _ATTRIBUTES,
        "created": {"type": "string", "format": "date-time"},
    },
}
_PAGE = {
    "limit": {"type": "integer", "minimum": 1, "maximum": PAGE_MAX},
    "after": {"type": "string", "format": "uuid"},
}
_READS = ("session", "entity reader")
_WRITES = ("session", "entity writer", "queue")

ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/v1/users",
        name="listUsers",
        summary="Users in the order they were made; `attribute=name:value` keeps who has it",
        act=list_users,
        access="admin",
        stores=_READS,
        query={
            **_PAGE,
            "attribute": {"type": "string", "maxLength": 512, "pattern": "^[^:]+:"},
        },
        answer={"type": "array", "items": _USER},
    ),
    Endpoint(
        method="POST",
        path="/api/v1/users",
        name="makeUser",
        summary="A new user",
        act=make_user,
        access="admin",
        writes=True,
        stores=_WRITES,
        body=_GIVEN,
        answer=_USER,
        status=201,
        problems=(problems.TAKEN,),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/users/{id}",
        name="getUser",
        summary="A user: any for an admin, oneself for everybody",
        act=get_user,
        stores=(*_READS, "entity writer, where the reader does not have it"),
        answer=_USER,
        problems=(problems.NOT_FOUND, problems.FORBIDDEN),
    ),
    Endpoint(
        method="PUT",
        path="/api/v1/users/{id}",
        name="changeUser",
        summary="The user anew; a new password or a suspension ends its sessions",
        act=change_user,
        access="admin",
        writes=True,
        stores=_WRITES,
        body=_GIVEN,
        answer=_USER,
        problems=(problems.NOT_FOUND, problems.TAKEN),
    ),
    Endpoint(
        method="DELETE",
        path="/api/v1/users/{id}",
        name="removeUser",
        summary="Remove the user, and with it its sessions",
        act=remove_user,
        access="admin",
        writes=True,
        stores=_WRITES,
        status=204,
        problems=(problems.NOT_FOUND,),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/apps",
        name="listApplications",
        summary="The tenant's applications",
        act=list_applications,
        stores=_READS,
        query=_PAGE,
        answer={"type": "array", "items": _APPLICATION},
    ),
)

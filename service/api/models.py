"""The types that requests and answers are made of; the API's document is generated from them."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from service.logins import normalised
from service.passwords import PASSWORD_MAX, PASSWORD_MIN

PAGE_MAX, EVENTS_PAGE_MAX = 200, 1_000
_ATTRIBUTES_MAX = 32_768  # bytes of one object's attributes
_DEPTH_MAX = 16
_NO_NUL = r"^[^\x00]*$"  # PostgreSQL's text cannot hold it


def _require_storable(value: JsonValue, depth: int = 1) -> JsonValue:
    """Return the value; ValueError where JSONB cannot hold it, or it is too deep."""
    if depth > _DEPTH_MAX:
        raise ValueError(f"should have at most {_DEPTH_MAX} levels")
    if isinstance(value, str) and "\0" in value:
        raise ValueError("should not contain U+0000")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("should contain finite numbers only")
    for inner in [*value, *value.values()] if isinstance(value, dict) else ():
        _require_storable(inner, depth + 1)
    for inner in value if isinstance(value, list) else ():
        _require_storable(inner, depth + 1)
    return value


def _require_small(value: dict[str, Any]) -> dict[str, Any]:
    if len(json.dumps(value)) > _ATTRIBUTES_MAX:
        raise ValueError(f"should have at most {_ATTRIBUTES_MAX} bytes")
    return value


def _require_year(value: datetime) -> datetime:
    if not 2000 <= value.year < 3000:
        raise ValueError("should be of the years 2000 to 2999")
    return value


Attributes = Annotated[
    dict[str, JsonValue],
    Field(max_length=100),
    AfterValidator(_require_storable),
    AfterValidator(_require_small),
]
Instant = Annotated[AwareDatetime, AfterValidator(_require_year)]
Text = Annotated[str, Field(min_length=1, max_length=320, pattern=_NO_NUL)]
Login = Annotated[str, Field(min_length=1, max_length=320), AfterValidator(normalised)]
Name = Annotated[str, Field(min_length=1, max_length=500, pattern=_NO_NUL)]
Password = Annotated[str, Field(min_length=1, max_length=PASSWORD_MAX, pattern=_NO_NUL)]
NewPassword = Annotated[
    str, Field(min_length=PASSWORD_MIN, max_length=PASSWORD_MAX, pattern=_NO_NUL)
]
Stamp = Annotated[str, Field(pattern=r"^[0-9]{1,12}:[0-9]{1,12}$")]
Status = Literal["ACTIVE", "SUSPENDED"]
Role = Literal["USER", "ADMIN"]


class ApiModel(BaseModel):
    """A request's or an answer's object, whose names are camelCase on the wire."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


# ------------------------------------------------------------------------------------ requests


class Credentials(ApiModel):
    """The body of a login."""

    username: Login
    password: Password
    stamp: Stamp | None = None


class PasswordChange(ApiModel):
    """The body that changes one's own password."""

    current_password: Password
    stamp: Stamp | None = None
    new_password: NewPassword


class NewUser(ApiModel):
    """The body of a new user."""

    login: Login
    full_name: Name
    password: NewPassword | None = None
    status: Status = "ACTIVE"
    role: Role = "USER"
    attributes: Attributes = Field(default_factory=dict)


class WholeUser(ApiModel):
    """The body that replaces a user: everything but the password has to be given."""

    login: Login
    full_name: Name
    status: Status
    role: Role
    attributes: Attributes
    password: NewPassword | None = None


class UserChange(ApiModel):
    """The body that changes a user; what is absent or null stays."""

    login: Login | None = None
    full_name: Name | None = None
    status: Status | None = None
    role: Role | None = None
    attributes: Attributes | None = None
    password: NewPassword | None = None


class Page(ApiModel):
    """The query of a list: at most `limit` objects that come after the one with id `after`."""

    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = 50
    after: UUID | None = None


class UserPage(Page):
    """The query of a list of users; `attribute` is name:value."""

    attribute: Annotated[str, Field(max_length=512, pattern=r"^[^:\x00]+:[^\x00]*$")] | None = None


class TimeRange(ApiModel):
    """A range of time, since <= t < until; by default the last seven days."""

    since: Instant | None = None
    until: Instant | None = None


class EventPage(TimeRange):
    """The query of the audit log."""

    actor: Text | None = None
    event: Text | None = None
    limit: Annotated[int, Field(ge=1, le=EVENTS_PAGE_MAX)] = 100
    after: Annotated[str, Field(max_length=200)] | None = None


class LoginReport(TimeRange):
    """The query of a report: dimensions by comma in `by`, and values that others should have."""

    by: Annotated[str, Field(max_length=200)] = "outcome"
    outcome: Text | None = None
    login: Text | None = None
    role: Text | None = None
    client: Text | None = None
    agent: Text | None = None
    region: Text | None = None
    half: Text | None = None


class TokenForm(ApiModel):
    """The form that an application asks about a token with (RFC 7662, RFC 7009)."""

    model_config = ConfigDict(alias_generator=None, extra="ignore")
    token: Annotated[str, Field(min_length=1, max_length=256)]
    token_type_hint: Annotated[str, Field(max_length=64)] | None = None


# ------------------------------------------------------------------------------------- answers


class Account(ApiModel):
    """Whose login it was."""

    id: UUID
    login: str


class NewSession(ApiModel):
    """The answer to a login that succeeded."""

    status: Literal["SUCCESS"] = "SUCCESS"
    session_token: str
    expires_at: datetime
    user: Account


class SessionView(ApiModel):
    """A valid session."""

    status: Literal["ACTIVE"] = "ACTIVE"
    user_id: UUID
    login: str
    role: str
    amr: tuple[str, ...]
    created_at: datetime
    expires_at: datetime


class RowModel(ApiModel):
    """An answer's object that is made of a store's row, and shows some of its columns."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"additionalProperties": False})


class User(RowModel):
    """A user of the tenant."""

    id: UUID
    login: str
    full_name: str
    status: str
    role: str
    attributes: dict[str, Any]
    created: Annotated[datetime, Field(validation_alias="created_at")]
    last_updated: Annotated[datetime, Field(validation_alias="updated_at")]


class Application(RowModel):
    """An application of the tenant."""

    id: UUID
    name: str
    attributes: dict[str, Any]
    created: Annotated[datetime, Field(validation_alias="created_at")]


class AuditEvent(RowModel):
    """One line of the audit log."""

    uuid: Annotated[UUID, Field(validation_alias="id")]
    published: Annotated[datetime, Field(validation_alias="at")]
    event_type: Annotated[str, Field(validation_alias="kind")]
    outcome: str
    actor: str | None
    login: str | None
    client: str | None
    agent: str | None
    region: str | None
    detail: dict[str, Any]


class LoginCounts(ApiModel):
    """Logins counted by dimensions: each group has its dimensions and `count`."""

    since: datetime
    until: datetime
    by: list[str]
    groups: list[dict[str, str | int | None]]


class TokenState(ApiModel):
    """Return what a token is worth (RFC 7662)."""

    model_config = ConfigDict(alias_generator=None)
    active: bool
    token_type: str | None = None
    sub: str | None = None
    username: str | None = None
    iat: int | None = None
    exp: int | None = None
    iss: str | None = None


class PoolState(ApiModel):
    """Return a server's connections: how many there are, and how many of them nobody uses."""

    server: str
    open: int
    free: int


class Readiness(ApiModel):
    """Return whether a task serves, and inside as what."""

    model_config = ConfigDict(alias_generator=None)
    status: Literal["ok", "starting"]
    half: str | None = None
    mode: str | None = None
    reason: str | None = None
    epoch: int | None = None
    schema_version: dict[str, int] | None = None
    build: str | None = None
    connections: list[PoolState] | None = None


class LoginHealth(ApiModel):
    """Return whether a login can succeed here, and inside which store answers."""

    status: Literal["ok", "unavailable"]
    half: str | None = None
    stores: dict[str, Literal["ok", "away"]] | None = None

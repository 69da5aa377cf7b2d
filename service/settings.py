"""What a task is told by its variables: docs/service-contract.md says each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

Address = tuple[str, int]


class SettingsError(ValueError):
    """A variable is missing or wrong; the message names it."""


def _addresses(text: str) -> list[Address]:
    found = []
    for each in text.split(","):
        host, _, port = each.strip().rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65_536:
            raise ValueError("should be host:port by comma")
        found.append((host, int(port)))
    return found


Addresses = Annotated[tuple[Address, ...], BeforeValidator(_addresses)]


class DatabaseSettings(BaseModel):
    """Says how the relational stores are reached; a variable has a field's name in capitals."""

    model_config = ConfigDict(frozen=True, alias_generator=str.upper, populate_by_name=True)

    database_name: str = "mainstay"
    database_auth: Literal["iam", "trust"]


class Settings(DatabaseSettings):
    """The settings of one process. Seconds are whole."""

    half: str = "none"
    build: str = "unknown"
    region: str = Field(validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION"))
    control_table: str
    events_queue_url: str
    task_id: str | None = None
    metadata: str | None = Field(None, alias="ECS_CONTAINER_METADATA_URI_V4")


class ApiSettings(Settings):
    """The API's. Addresses are in order of preference; without `reporting` events are counted
    where they are read.
    """

    host: str = "0.0.0.0"  # noqa: S104 (a container has its own network)
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    domain: Annotated[str, AfterValidator(lambda text: text.strip(".").lower())]
    longest_request_seconds: Annotated[int, Field(ge=1, le=300)] = 30
    session_table: str
    entity_writer: Addresses
    entity_readers: Addresses
    transaction_readers: Addresses
    reporting: Addresses = ()
    reporting_workgroup: str | None = None
    reporting_database: str = "reporting"


class WorkerSettings(Settings):
    """The worker's."""

    transaction_writer: Addresses


SettingsT = TypeVar("SettingsT", bound=Settings)


def _settings(kind: type[SettingsT], variables: Mapping[str, str]) -> SettingsT:
    """Return the settings; SettingsError naming the first variable that is missing or wrong.

    One that is empty is missing.
    """
    try:
        return kind.model_validate({name: value for name, value in variables.items() if value})
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(f"'{first['loc'][0]}' {_reason(first)}") from None


def _reason(error: Any) -> str:
    if error["type"] == "missing":
        return "should be set, see docs/service-contract.md"
    should = error["msg"].removeprefix("Input ").removeprefix("Value error, ")
    return f"{should}, got '{error['input']}'"


api_settings = partial(_settings, ApiSettings)
worker_settings = partial(_settings, WorkerSettings)

"""What a task is told by its variables: docs/service-contract.md says each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Address = tuple[str, int]


class SettingsError(ValueError):
    """A variable is missing or wrong; the message names it."""


@dataclass(frozen=True, kw_only=True)
class DatabaseSettings:
    """Where the relational stores are, each list in order of preference."""

    name: str
    auth: str  # iam or trust
    region: str
    entity_writers: tuple[Address, ...] = ()
    entity_readers: tuple[Address, ...] = ()
    transaction_writers: tuple[Address, ...] = ()
    transaction_readers: tuple[Address, ...] = ()
    reporting: tuple[Address, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one process. Seconds are whole."""

    host: str | None
    port: int
    half: str
    build: str
    domain: str
    region: str
    longest_request_seconds: int
    control_table: str
    session_table: str
    events_queue_url: str
    databases: DatabaseSettings
    reporting_workgroup: str | None
    reporting_database: str | None
    task_id: str | None
    metadata: str | None


def api_settings(variables: Mapping[str, str]) -> Settings:
    """The API's; SettingsError naming the first variable that is missing or wrong."""
    databases = _databases(
        variables,
        entity_writers="ENTITY_WRITER",
        entity_readers="ENTITY_READERS",
        transaction_readers="TRANSACTION_READERS",
    )
    return _settings(
        variables,
        databases,
        domain=_required(variables, "DOMAIN").strip(".").lower(),
        session_table=_required(variables, "SESSION_TABLE"),
    )


def worker_settings(variables: Mapping[str, str]) -> Settings:
    """The worker's; SettingsError naming the first variable that is missing or wrong."""
    databases = _databases(variables, transaction_writers="TRANSACTION_WRITER")
    return _settings(variables, databases, domain="", session_table="")


def _settings(
    variables: Mapping[str, str], databases: DatabaseSettings, *, domain: str, session_table: str
) -> Settings:
    return Settings(
        host=variables.get("HOST") or None,
        port=_number(variables, "PORT", 8080, 0, 65_535),
        half=variables.get("HALF", "none"),
        build=variables.get("BUILD", "unknown"),
        domain=domain,
        region=databases.region,
        longest_request_seconds=_number(variables, "LONGEST_REQUEST_SECONDS", 30, 1, 300),
        control_table=_required(variables, "CONTROL_TABLE"),
        session_table=session_table,
        events_queue_url=_required(variables, "EVENTS_QUEUE_URL"),
        databases=databases,
        reporting_workgroup=variables.get("REPORTING_WORKGROUP") or None,
        reporting_database=variables.get("REPORTING_DATABASE") or None,
        task_id=variables.get("TASK_ID") or None,
        metadata=variables.get("ECS_CONTAINER_METADATA_URI_V4") or None,
    )


def _databases(variables: Mapping[str, str], **lists: str) -> DatabaseSettings:
    auth = _required(variables, "DATABASE_AUTH")
    if auth not in ("iam", "trust"):
        raise SettingsError(f"'DATABASE_AUTH' should be iam or trust, got '{auth}'")
    found = {field: _addresses(name, _required(variables, name)) for field, name in lists.items()}
    if given := variables.get("REPORTING"):
        found["reporting"] = _addresses("REPORTING", given)
    found.setdefault("reporting", found.get("transaction_readers", ()))
    return DatabaseSettings(
        name=variables.get("DATABASE_NAME", "mainstay"),
        auth=auth,
        region=variables.get("AWS_REGION") or _required(variables, "AWS_DEFAULT_REGION"),
        **found,
    )


def _required(variables: Mapping[str, str], name: str) -> str:
    if not (value := variables.get(name)):
        raise SettingsError(f"'{name}' should be set, see docs/service-contract.md")
    return value


def _number(variables: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = variables.get(name) or str(default)
    if not text.isdigit() or not low <= int(text) <= high:
        raise SettingsError(f"'{name}' should be {low} to {high}, got '{text}'")
    return int(text)


def _addresses(name: str, text: str) -> tuple[Address, ...]:
    found = []
    for each in text.split(","):
        host, _, port = each.strip().rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65_536:
            raise SettingsError(f"'{name}' should be host:port by comma, got '{text}'")
        found.append((host, int(port)))
    return tuple(found)

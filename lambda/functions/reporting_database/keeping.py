"""Keeps reports open: database, view and readers as they are to be; each run does the same."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import boto3

from functions.reporting_database import audit_view
from functions.reporting_database.readers import let_read, make_readers, roles_below
from functions.reporting_database.target_database import (
    Statements,
    create_target_database,
    filled_database,
)


class FailedTablesError(RuntimeError):
    """The integration carries a table no longer; the message names it, with the reason."""


def handler(_event: object, _context: object) -> dict[str, Any]:
    """Run by the clock, and by a person who does not wait for it after a failover."""
    variables = os.environ
    statements = Statements(
        boto3.client("redshift-data"),
        workgroup=variables["WORKGROUP"],
        secret_arn=variables["ADMIN_SECRET"],
        database=variables["DATABASE"],
        pause=time.sleep,
    )
    report = keep(
        statements,
        boto3.client("iam"),
        integration_id=variables.get("INTEGRATION", "").rpartition(":")[2] or None,
        source_database=variables["SOURCE_DATABASE"],
        target_database=variables["TARGET_DATABASE"],
        readers_path=variables["READERS_PATH"],
    )
    print(json.dumps(report))
    return report


def keep(
    statements: Statements,
    iam: Any,
    *,
    integration_id: str | None,
    source_database: str,
    target_database: str,
    readers_path: str,
) -> dict[str, Any]:
    """Make what is missing; returns the view's tables, the readers, and the users that are new.

    Without `integration_id` the integration is whichever the warehouse has: the one that a person
    made after a failover. Where it has none, a restored snapshot's view is opened as it is.
    Raises FailedTablesError after everything else, naming tables that are no longer filled.
    """
    if integration_id is None:
        database = filled_database(
            statements, source_database=source_database, target_database=target_database
        )
    else:
        database = create_target_database(
            statements,
            integration_id=integration_id,
            source_database=source_database,
            target_database=target_database,
        )
    states = [] if database is None else _states(statements, database)
    tables = audit_view.members((name, state) for name, state, _ in states)
    if tables and database is not None:
        statements.run(audit_view.definition(database, tables))
    roles = roles_below(iam, readers_path)
    made = make_readers(statements, roles)
    if tables or _has_view(statements):
        let_read(statements, roles)
    failed = [f"{name}: {reason}" for name, state, reason in states if state == "Failed"]
    if failed:
        raise FailedTablesError(f"the integration fills no longer: {'; '.join(failed)}")
    return {"database": database, "tables": tables, "readers": roles, "new_users": made}


def _states(statements: Statements, database: str) -> list[tuple[str, ...]]:
    return statements.rows(
        "SELECT trim(table_name), trim(table_state), trim(reason) FROM svv_integration_table_state"
        f" WHERE target_database = '{database}' AND schema_name = 'public'"
    )


def _has_view(statements: Statements) -> bool:
    return bool(
        statements.rows(
            "SELECT viewname FROM pg_views WHERE schemaname = 'public' AND viewname = 'event'"
        )
    )

"""The database in a warehouse that an integration writes to, by statements of the Data API."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

# A statement of this package takes seconds; an idle warehouse takes a minute to wake up. Together
# they must stay below the function's ten minutes.
_POLLS_MAX = 240
_POLL_SECONDS = 1.0

_RUNNING = {"SUBMITTED", "PICKED", "STARTED"}


class StatementError(RuntimeError):
    """The warehouse refused a statement, or did not end it in time."""


class Statements:
    """Runs statements one after the other, as the warehouse's administrator."""

    def __init__(
        self,
        client: Any,
        *,
        workgroup: str,
        secret_arn: str,
        database: str,
        pause: Callable[[float], None],
    ) -> None:
        self._client = client
        self._pause = pause
        self._where = {
            "WorkgroupName": workgroup,
            "SecretArn": secret_arn,
            "Database": database,
        }

    def run(self, sql: str) -> str:
        """Run a statement to its end and return its id. Raises StatementError with its reason."""
        statement = self._client.execute_statement(Sql=sql, **self._where)["Id"]
        for _ in range(_POLLS_MAX):
            described = self._client.describe_statement(Id=statement)
            if described["Status"] == "FINISHED":
                return statement
            if described["Status"] not in _RUNNING:
                raise StatementError(f"{sql}: {described.get('Error', described['Status'])}")
            self._pause(_POLL_SECONDS)
        raise StatementError(f"{sql}: not ended within {_POLLS_MAX * _POLL_SECONDS:.0f} s")

    def rows(self, sql: str) -> list[tuple[str, ...]]:
        """The answer of a query, as text; at most one page, which the queries here stay below."""
        answer = self._client.get_statement_result(Id=self.run(sql))
        return [tuple(cell.get("stringValue", "") for cell in row) for row in answer["Records"]]


def create_target_database(
    statements: Statements, *, integration_id: str, source_database: str, target_database: str
) -> str:
    """Make `target_database` from the integration, unless it is there; returns its name.

    Raises ValueError where another integration's database has the name, for only a person may
    drop it, and StatementError where the warehouse refuses.
    """
    # Amazon Redshift Management Guide, "Creating destination databases in Amazon Redshift".
    found = statements.rows("SELECT integration_id, target_database FROM svv_integration")
    owners = {name.strip(): owner.strip() for owner, name in found if name.strip()}
    owner = owners.get(target_database)
    if owner is None:
        statements.run(
            f'CREATE DATABASE "{word(target_database)}" '
            f"FROM INTEGRATION '{word(integration_id)}' DATABASE \"{word(source_database)}\""
        )
        print(json.dumps({"created": target_database, "integration": integration_id}))
    elif owner != integration_id:
        raise ValueError(
            f"'target_database' should be free or of {integration_id}, but {target_database} is "
            f"of integration {owner}; drop it in the warehouse first"
        )
    return target_database


def filled_database(
    statements: Statements, *, source_database: str, target_database: str
) -> str | None:
    """Return the database that this warehouse's integration fills, made where it has none yet.

    Its name is free: `target_database`, or that with a number where a restored snapshot has it.
    None where there is no integration.
    """
    found = statements.rows("SELECT integration_id, target_database FROM svv_integration")
    if not found:
        return None
    for integration_id, name in sorted(found, key=lambda row: bool(row[1].strip())):
        if name.strip():
            return name.strip()
        taken = {name for (name,) in statements.rows("SELECT datname FROM pg_database")}
        candidates = (target_database, *(f"{target_database}_{n}" for n in range(2, 100)))
        return create_target_database(
            statements,
            integration_id=integration_id.strip(),
            source_database=source_database,
            target_database=next(one for one in candidates if one not in taken),
        )
    return None


def word(name: str) -> str:
    """Return the text if it may stand in quotes; such statements take no parameters."""
    if not name.replace("_", "").replace("-", "").isalnum():
        raise ValueError(f"names should be letters, digits, '_' and '-', got '{name}'")
    return name

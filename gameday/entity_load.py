"""Users of the entity store, who write all the time, and whose answers are recorded."""

from __future__ import annotations

import uuid
from typing import Any

import psycopg

from gameday.entity_tier import EntityTier
from gameday.writers import Writers

# Between two writes of one user: with the commits this makes some hundred a second.
_PAUSE_SECONDS = 0.005


class EntityLoad(Writers):
    """Writers on A, each for its own tenant, while it lasts; `ledger`: what was acknowledged.

    Every second write changes a row that the writer made before.
    """

    def __init__(self, tier: EntityTier, *, writers: int) -> None:
        self.ledger: dict[str, str] = {}
        self._tier = tier
        super().__init__([self._write] * writers)

    def missing(self, name: str) -> list[str]:
        """Acknowledged rows that a server does not have as they were acknowledged."""
        with self._tier.connect(name) as connection:
            found = dict(
                connection.execute(
                    "SELECT id::text, full_name FROM account WHERE id = ANY (%s::uuid[])",
                    (list(self.ledger),),
                ).fetchall()
            )
        return [row for row, value in self.ledger.items() if found.get(row) != value]

    def _write(self) -> None:
        tenant = str(uuid.uuid4())
        with self._tier.connect("entity-a", "app_writer") as connection:
            connection.execute("SELECT set_config('app.tenant', %s, false)", (tenant,))
            connection.execute(
                "INSERT INTO tenant (id, host, name) VALUES (%s, %s, 'T')", (tenant, tenant)
            )
            number = 0
            while not self.over.wait(_PAUSE_SECONDS):
                number += 1
                self._write_account(connection, tenant, number)

    def _write_account(self, connection: psycopg.Connection[Any], tenant: str, number: int) -> None:
        account = str(uuid.uuid4())
        connection.execute(
            "INSERT INTO account (id, tenant_id, login, full_name) VALUES (%s, %s, %s, 'new')",
            (account, tenant, f"user{number}"),
        )
        self.ledger[account] = "new"
        if number % 2:
            connection.execute("UPDATE account SET full_name = 'renamed' WHERE id = %s", (account,))
            self.ledger[account] = "renamed"

"""Users who change the same rows again and again, and the answers of each, in order.

A row has few values, so that it returns to earlier ones; it is deleted and created again with the
same key. Between which places of the log a write was committed is recorded with it.
"""

from __future__ import annotations

import random
import sys
import uuid
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import psycopg

from gameday.entity_tier import DATABASE
from gameday.writers import Writers
from local.postgres import PostgresServer

_PAUSE_SECONDS = 0.001
_ROLES, _NAMES = ("USER", "ADMIN"), ("a", "b")
_NUMBER = "(pg_current_wal_insert_lsn() - '0/0')::bigint"

Value = tuple[str, str] | None  # role and name; None for no row


@dataclass(frozen=True, kw_only=True)
class Write:
    """An acknowledged write: what the row became, committed from `after` to `before` in the log."""

    value: Value
    after: int
    before: int


@dataclass
class History:
    """One row: its acknowledged writes, oldest first; `value` is what its user believes it is.

    `unknown` is a write whose answer was lost with the server: it may have been committed.
    """

    id: str
    value: Value = None
    writes: list[Write] = field(default_factory=list)
    unknown: list[Value] = field(default_factory=list)


class ReconcileLoad(Writers):
    """Writers on one server, each with a tenant and rows of its own, from enter to exit."""

    def __init__(
        self, server: PostgresServer, histories: dict[str, list[History]], *, seed: int = 1
    ) -> None:
        """`histories` are the rows of each tenant."""
        self.histories = histories
        self._server = server
        super().__init__(
            [
                partial(self._write, tenant, random.Random(f"{seed} {number}"))
                for number, tenant in enumerate(histories)
            ],
            until_killed=True,
        )

    @property
    def writes(self) -> int:
        """Return the number of acknowledged writes."""
        return sum(len(row.writes) for rows in self.histories.values() for row in rows)

    def _write(self, tenant: str, chance: random.Random) -> None:
        with self._server.connect(DATABASE, "app_writer") as connection:
            connection.execute("SELECT set_config('app.tenant', %s, false)", (tenant,))
            connection.execute(
                "INSERT INTO tenant (id, host, name) VALUES (%s, %s, 'T') ON CONFLICT DO NOTHING",
                (tenant, tenant),
            )
            while not self.over.wait(_PAUSE_SECONDS):
                _change(connection, chance, tenant, chance.choice(self.histories[tenant]))


def new_histories(*, tenants: int, rows: int) -> dict[str, list[History]]:
    """Return rows of nobody yet, by tenant."""
    return {
        str(uuid.uuid4()): [History(id=str(uuid.uuid4())) for _ in range(rows)]
        for _ in range(tenants)
    }


def histories_on(
    server: PostgresServer, before: dict[str, list[History]]
) -> dict[str, list[History]]:
    """Return the same rows as their users find them on another server."""
    return {
        tenant: [History(id=row.id, value=values_of(server, tenant).get(row.id)) for row in rows]
        for tenant, rows in before.items()
    }


def values_of(server: PostgresServer, tenant: str) -> dict[str, Value]:
    """Return the rows of a tenant that a server has."""
    found = server.rows(
        "SELECT id::text, role, full_name FROM account WHERE tenant_id = %s",
        tenant,
        database=DATABASE,
    )
    return {account: (role, name) for account, role, name in found}


def _change(
    connection: psycopg.Connection[Any], chance: random.Random, tenant: str, row: History
) -> None:
    value: Value = (chance.choice(_ROLES), chance.choice(_NAMES))
    if row.value is None:
        statement = (
            "INSERT INTO account (id, tenant_id, login, role, full_name)"
            " VALUES (%(id)s::uuid, %(tenant)s, %(id)s::text, %(role)s, %(name)s)"
            " ON CONFLICT DO NOTHING"
        )
    elif chance.random() < 0.2:
        value, statement = None, "DELETE FROM account WHERE id = %(id)s"
    else:
        statement = "UPDATE account SET role = %(role)s, full_name = %(name)s WHERE id = %(id)s"
    role, name = value or ("", "")
    row.unknown = [value]
    done = connection.execute(
        f"{statement} RETURNING {_NUMBER}".encode(),
        {"id": row.id, "tenant": tenant, "role": role, "name": name},
    ).fetchone()
    row.unknown = []
    if done is None:  # another one has made or removed it: look, and go on from that
        row.value = _value(connection, row.id)
        return
    row.value = value
    # It is acknowledged, whatever becomes of the question behind it.
    row.writes.append(Write(value=value, after=done[0], before=sys.maxsize))
    [before] = connection.execute(f"SELECT {_NUMBER}".encode()).fetchone() or (sys.maxsize,)
    row.writes[-1] = replace(row.writes[-1], before=before)


def _value(connection: psycopg.Connection[Any], account: str) -> Value:
    found = connection.execute(
        "SELECT role, full_name FROM account WHERE id = %s", (account,)
    ).fetchone()
    return (found[0], found[1]) if found else None

"""Histories of a lost master at random, and what its rows are by the true order of their writes.

A lane is one history: an account, sometimes deleted and created again with the same key, whose
columns take few values, so that they return to earlier ones. Lanes are interleaved, and some
transactions write two of them at once.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import psycopg

ROLES, NAMES = ("USER", "ADMIN"), ("a", "b")
Row = tuple[str, str] | None  # role and name; None for no row


@dataclass
class Lane:
    """One row's history: what it is now, what it was at any time, in order."""

    id: str
    row: Row = None
    was: list[Row] = field(default_factory=lambda: [None])

    def become(self, row: Row) -> None:
        self.row = row
        self.was.append(row)


class Histories:
    """Lanes of one tenant, written in transactions of one or two lanes."""

    def __init__(self, seed: int, lanes: int) -> None:
        self.random = random.Random(seed)
        self.tenant = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        self.lanes = [
            Lane(id=str(uuid.UUID(int=self.random.getrandbits(128), version=4)))
            for _ in range(lanes)
        ]

    def begin(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute(
            "INSERT INTO tenant (id, host, name) VALUES (%s, %s, 'T')", (self.tenant, self.tenant)
        )

    def write(self, connection: psycopg.Connection[Any], transactions: int) -> None:
        for _ in range(transactions):
            some = self.random.sample(self.lanes, self.random.choice((1, 1, 1, 2)))
            self.write_lanes(connection, some)

    def write_lanes(self, connection: psycopg.Connection[Any], lanes: Iterable[Lane]) -> None:
        with connection.transaction():
            for lane in lanes:
                # Some rows change twice in one transaction, and may end as they began.
                for _ in range(self.random.choice((1, 1, 2))):
                    self._step(connection, lane)

    def _step(self, connection: psycopg.Connection[Any], lane: Lane) -> None:
        row = (self.random.choice(ROLES), self.random.choice(NAMES))
        if lane.row is None:
            connection.execute(
                "INSERT INTO account (id, tenant_id, login, full_name, role, created_at,"
                " updated_at) VALUES (%s, %s, %s, %s, %s, '2026-01-01', '2026-01-01')",
                (lane.id, self.tenant, lane.id, row[1], row[0]),
            )
            lane.become(row)
        elif self.random.random() < 0.25:
            connection.execute("DELETE FROM account WHERE id = %s", (lane.id,))
            lane.become(None)
        else:
            connection.execute(
                "UPDATE account SET role = %s, full_name = %s WHERE id = %s", (*row, lane.id)
            )
            lane.become(row)


def rows_of(connection: psycopg.Connection[Any], tenant: str) -> dict[str, Row]:
    found = connection.execute(
        "SELECT id::text, role, full_name FROM account WHERE tenant_id = %s", (tenant,)
    )
    return {account: (role, name) for account, role, name in found.fetchall()}


def set_aside(report: dict[str, Any]) -> set[str]:
    """The accounts of which a report says that something of theirs was set aside."""
    return {
        change["key"]["id"]
        for transaction in report["set_aside"]
        for change in transaction["changes"]
        if change["table"] == "account"
    }

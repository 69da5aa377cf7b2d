"""Tenants with as many accounts as one likes, by COPY: every password is the same one's hash."""

from __future__ import annotations

import asyncio
import uuid

import psycopg

from gameday.upgrade.target import ADMINISTRATOR, PASSWORD, LoadedTenant, login
from service.passwords import Passwords

_COLUMNS = "id, tenant_id, login, full_name, role, password_hash, attributes"


def account_id(tenant: LoadedTenant, name: str) -> uuid.UUID:
    """Return the id of a loaded account, which clients know without asking."""
    return uuid.uuid5(uuid.UUID(tenant.id), name)


def named(*labels: str) -> tuple[LoadedTenant, ...]:
    """Tenants by their labels, whose ids are the same each time."""
    return tuple(
        LoadedTenant(label=each, id=str(uuid.uuid5(uuid.NAMESPACE_DNS, each))) for each in labels
    )


def load(dsn: str, tenants: tuple[LoadedTenant, ...], *, users: int) -> None:
    """Make the tenants on a master of release 1, each with an administrator and `users` accounts.

    The hash is made as the service makes it: argon2id with its own cost, once.
    """
    hashed = asyncio.run(_hash())
    with psycopg.connect(dsn) as connection:
        for tenant in tenants:
            connection.execute(
                "INSERT INTO tenant (id, host, name) VALUES (%s, %s, %s)",
                (tenant.id, tenant.label, tenant.label.title()),
            )
            statement = f"COPY account ({_COLUMNS}) FROM STDIN".encode()
            with connection.cursor().copy(statement) as copy:
                people = [(ADMINISTRATOR, "ADMIN"), *((login(n), "USER") for n in range(users))]
                for name, role in people:
                    attributes = '{"department": "operations"}'
                    copy.write_row(
                        (account_id(tenant, name), tenant.id, name, f"{name.title()} of the load",
                         role, hashed, attributes)
                    )  # fmt: skip
        connection.execute("ANALYZE account")


async def _hash() -> str:
    passwords = Passwords(threads=1)
    try:
        return await passwords.hash(PASSWORD, ADMINISTRATOR)
    finally:
        passwords.close()

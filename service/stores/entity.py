"""The entity store: tenants, accounts and applications in PostgreSQL.

Reads go to a reader of either master, writes to the one master that takes them. Every statement
runs for one tenant, named in the transaction, and row-level security shows it nothing else.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import errors

from service.databases import NO_GUARDS, Guards, Row, Servers
from service.remembered import Remembered
from service.stores.transaction import Event

# What the store returns of an account; never its password.
ACCOUNT = "id, login, full_name, status, role, session_epoch, attributes, created_at, updated_at"
_APPLICATION = "id, name, attributes, created_at"
# What who empties the outbox names in place of a tenant.
_EMPTY = {"app.outbox": "empty"}
_WRITABLE = ("login", "full_name", "status", "role", "attributes", "password_hash")

# A tenant's id never changes; that it has gone is noticed after so long.
_TENANT_SECONDS = 60.0


# Guards of a write (service.databases.Guards): each ends its transaction by an error of its own.
# One administrator's write of a tenant at a time, or two could each remove the other.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
# The logarithm of 0, where the caller is no administrator any more, whatever a cache remembers.
_IS_ADMINISTRATOR = (
    "SELECT ln((EXISTS (SELECT FROM account WHERE id = %s AND role = 'ADMIN'"
    " AND status = 'ACTIVE' AND session_epoch <= %s))::int)"
)
# The root of -1, where no administrator would be left.
_HAS_ADMINISTRATOR = (
    "SELECT sqrt((EXISTS (SELECT FROM account WHERE role = 'ADMIN'"
    " AND status = 'ACTIVE'))::int - 1)"
)


class LoginTakenError(Exception):
    """Another account of the tenant has this login."""


class NoAdministratorError(Exception):
    """Who asks for the write is no administrator any more."""


class LastAdministratorError(Exception):
    """The write would leave the tenant without an active administrator."""


class ChangedMeanwhileError(Exception):
    """The account is not as the writer of the request has seen it."""


@dataclass(frozen=True)
class Writer:
    """Who asks for a write, and the epoch of its session: checked in the write's transaction."""

    account: UUID
    epoch: int


@dataclass(frozen=True)
class Tenant:
    """Whom a request is about."""

    id: UUID
    host: str


def new_id() -> UUID:
    """RFC 9562, version 7: 48 bits of milliseconds, then chance: two masters never make one."""
    value = int(time.time() * 1_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


class EntityStore:
    """`backwards` tells whether the other master's readers are asked first."""

    def __init__(
        self, readers: Servers, writers: Servers, *, backwards: Callable[[], bool]
    ) -> None:
        self.readers = readers
        self.writers = writers
        self._backwards = backwards
        self._tenants = Remembered(self._tenant, seconds=_TENANT_SECONDS)

    # ------------------------------------------------------------------------------------ reads

    async def tenant(self, host: str) -> Tenant | None:
        """Return the tenant with this label, or None. Known ones are remembered for a minute."""
        return await self._tenants.get(host)

    async def _tenant(self, host: str) -> Tenant | None:
        rows = await self.readers.ask(
            {"app.host": host},
            "SELECT id FROM tenant WHERE host = %s",
            (host,),
            backwards=self._backwards(),
        )
        return Tenant(rows[0]["id"], host) if rows else None

    async def credentials(self, tenant: Tenant, login: str) -> Row | None:
        """The account of a login with its password's hash: for logins alone."""
        return await self._one(
            tenant, f"SELECT {ACCOUNT}, password_hash FROM account WHERE login = %s", login
        )

    async def standing(self, tenant: Tenant, account: UUID) -> Row | None:
        """What a session of the account rests on: epoch, status and role."""
        return await self._one(
            tenant, "SELECT session_epoch, status, role FROM account WHERE id = %s", account
        )

    async def account(self, tenant: Tenant, account: UUID, *, newest: bool = False) -> Row | None:
        """The account; with `newest` as the writer has it, where a reader may lag."""
        statement = f"SELECT {ACCOUNT} FROM account WHERE id = %s"
        if newest:
            rows = await self.writers.ask(_about(tenant), statement, (account,))
            return rows[0] if rows else None
        return await self._one(tenant, statement, account)

    async def accounts(
        self, tenant: Tenant, *, after: UUID | None, limit: int, attributes: Mapping[str, Any]
    ) -> list[Row]:
        """Accounts in the order of their making that hold these attributes."""
        return await self._read(
            tenant,
            f"SELECT {ACCOUNT} FROM account WHERE (%s::uuid IS NULL OR id > %s)"
            " AND attributes @> %s::jsonb ORDER BY id LIMIT %s",
            *(after, after, json.dumps(dict(attributes)), limit),
        )

    async def applications(self, tenant: Tenant, *, after: UUID | None, limit: int) -> list[Row]:
        return await self._read(
            tenant,
            f"SELECT {_APPLICATION} FROM application WHERE (%s::uuid IS NULL OR id > %s)"
            " ORDER BY id LIMIT %s",
            *(after, after, limit),
        )

    async def application_secret(self, tenant: Tenant, application: UUID) -> str | None:
        """The hash of an application's secret, or None."""
        row = await self._one(
            tenant, "SELECT secret_hash FROM application WHERE id = %s", application
        )
        return row["secret_hash"] if row else None

    # ----------------------------------------------------------------------------------- writes

    async def make_account(
        self,
        tenant: Tenant,
        account: UUID,
        values: Mapping[str, Any],
        *,
        by: Writer | None = None,
        event: Event | None = None,
    ) -> Row:
        """Make an account and return it. LoginTakenError, NoAdministratorError.

        As every write of an account it puts its event into the outbox, in one transaction.
        """
        names = [name for name in _WRITABLE if name in values]
        marks = ", ".join(["%s"] * (len(names) + 2))
        rows = await self._write(
            tenant,
            f"INSERT INTO account (id, tenant_id, {', '.join(names)}) VALUES ({marks})"
            f" RETURNING {ACCOUNT}",
            *(account, tenant.id, *_given(values, names)),
            by=by,
            event=event,
        )
        return rows[0]

    async def change_account(
        self,
        tenant: Tenant,
        account: UUID,
        values: Mapping[str, Any],
        *,
        revoke: bool,
        by: Writer | None = None,
        event: Event | None = None,
        seen: datetime | None = None,
    ) -> Row | None:
        """Set these values; return the account, or None where there is none.

        `revoke` ends its sessions. With `seen` it was last updated then: ChangedMeanwhileError.
        LoginTakenError, NoAdministratorError, LastAdministratorError.
        """
        names = [name for name in _WRITABLE if name in values]
        changes = "".join(f"{name} = %s, " for name in names)
        rows = await self._write(
            tenant,
            f"UPDATE account SET {changes}session_epoch = session_epoch + %s,"
            " updated_at = clock_timestamp() WHERE id = %s"
            f" AND (%s::timestamptz IS NULL OR updated_at = %s) RETURNING {ACCOUNT}",
            *(*_given(values, names), int(revoke), account, seen, seen),
            by=by,
            event=event,
        )
        if not rows and seen and await self.account(tenant, account, newest=True):
            raise ChangedMeanwhileError
        return rows[0] if rows else None

    async def change_own_password(
        self, tenant: Tenant, by: Writer, old_hash: str, new_hash: str, *, event: Event
    ) -> Row | None:
        """Replace a password by its account's own session, and end its sessions.

        Return the account, or None where the session or the old password is none any more.
        """
        rows = await self._write(
            tenant,
            "UPDATE account SET password_hash = %s, session_epoch = session_epoch + 1,"
            " updated_at = clock_timestamp() WHERE id = %s AND status = 'ACTIVE'"
            f" AND session_epoch <= %s AND password_hash = %s RETURNING {ACCOUNT}",
            *(new_hash, by.account, by.epoch, old_hash),
            event=event,
        )
        return rows[0] if rows else None

    async def remove_account(
        self, tenant: Tenant, account: UUID, *, by: Writer, event: Event
    ) -> bool:
        """Remove the account; return whether there was one.

        NoAdministratorError, LastAdministratorError.
        """
        statement = "DELETE FROM account WHERE id = %s RETURNING id"
        return bool(await self._write(tenant, statement, account, by=by, event=event))

    async def waiting_events(self, limit: int) -> list[Row]:
        """Return the events of every tenant that wait in the outbox, the oldest first."""
        return await self.writers.ask(
            _EMPTY, "SELECT id, event FROM outbox ORDER BY id LIMIT %s", (limit,)
        )

    async def remove_events(self, events: Sequence[UUID]) -> None:
        """Take events out of the outbox; those that are out already stay so."""
        await self.writers.ask(_EMPTY, "DELETE FROM outbox WHERE id = ANY(%s)", (list(events),))

    async def make_tenant(self, host: str, name: str) -> Tenant:
        """The tenant with this label, made where there is none."""
        tenant = Tenant(new_id(), host)
        about = _about(tenant) | {"app.host": host}
        await self.writers.ask(
            about,
            "INSERT INTO tenant (id, host, name) VALUES (%s, %s, %s) ON CONFLICT (host) DO NOTHING",
            (tenant.id, host, name),
        )
        rows = await self.writers.ask(about, "SELECT id FROM tenant WHERE host = %s", (host,))
        return Tenant(rows[0]["id"], host)

    async def make_application(
        self, tenant: Tenant, name: str, *, secret_hash: str | None, attributes: Mapping[str, Any]
    ) -> Row:
        """The application of this name, made or given this secret and these attributes."""
        rows = await self._write(
            tenant,
            "INSERT INTO application (id, tenant_id, name, secret_hash, attributes)"
            " VALUES (%s, %s, %s, %s, %s::jsonb) ON CONFLICT (tenant_id, name) DO UPDATE"
            " SET secret_hash = excluded.secret_hash, attributes = excluded.attributes"
            f" RETURNING {_APPLICATION}",
            *(new_id(), tenant.id, name, secret_hash, json.dumps(dict(attributes))),
        )
        return rows[0]

    @property
    def found_other_version(self) -> bool:
        """Return whether the last look for a writer found one of another schema version."""
        return self.writers.found_other_version

    async def accepts_writes(self) -> bool:
        """Return whether a writer answers and this role may write on it."""
        return await self.writers.take("account")

    # ------------------------------------------------------------------------------------------

    async def _read(self, tenant: Tenant, statement: str, *values: Any) -> list[Row]:
        return await self.readers.ask(
            _about(tenant), statement, values, backwards=self._backwards()
        )

    async def _one(self, tenant: Tenant, statement: str, *values: Any) -> Row | None:
        rows = await self._read(tenant, statement, *values)
        return rows[0] if rows else None

    async def _write(
        self,
        tenant: Tenant,
        statement: str,
        *values: Any,
        by: Writer | None = None,
        event: Event | None = None,
    ) -> list[Row]:
        about = _about(tenant) | ({"app.event": event.to_json()} if event else {})
        guards = NO_GUARDS
        if by is not None:
            before = (_LOCK, (str(tenant.id),)), (_IS_ADMINISTRATOR, (by.account, by.epoch))
            guards = Guards(before, ((_HAS_ADMINISTRATOR, ()),))
        try:
            return await self.writers.ask(about, statement, values, again=False, guards=guards)
        except errors.UniqueViolation:
            raise LoginTakenError from None
        except errors.InvalidArgumentForLogarithm:
            raise NoAdministratorError from None
        except errors.InvalidArgumentForPowerFunction:
            raise LastAdministratorError from None


def _about(tenant: Tenant) -> dict[str, str]:
    return {"app.tenant": str(tenant.id)}


def _given(values: Mapping[str, Any], names: list[str]) -> list[Any]:
    return [json.dumps(values[name]) if name == "attributes" else values[name] for name in names]

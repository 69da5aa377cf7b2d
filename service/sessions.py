"""Sessions as requests see them: valid by the session store and by their account's standing.

The session store is asked each time, but for `REMEMBERED_SECONDS` after it confirmed a session. The
account's standing (its revocation epoch, status and role) is in the entity store, and read once in
`STANDING_SECONDS` for each account and process. So a revoked session ends

- at once where it was ended, and everywhere within 2 s when it was ended itself;
- everywhere within 12 s, and what the reader lags, when its account's epoch was raised.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from service.databases import UnavailableError
from service.remembered import Recent
from service.stores.entity import EntityStore, Tenant
from service.stores.session import Session, SessionStore, hash_of

REMEMBERED_SECONDS = 2.0
STANDING_SECONDS = 10.0
# While no entity server answers at all, what was known so long ago still counts.
_STANDING_AT_MOST_SECONDS = 900.0


@dataclass(frozen=True)
class Standing:
    """What an account's sessions rest on."""

    epoch: int
    active: bool
    role: str


@dataclass(frozen=True)
class Caller:
    """Who asks: a valid session and the role of its account."""

    session: Session
    role: str


class Sessions:
    """`remembered_seconds=0` asks the session store with each request."""

    def __init__(
        self,
        store: SessionStore,
        entities: EntityStore,
        *,
        remembered_seconds: float = REMEMBERED_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self._entities = entities
        self._clock = clock
        self._remembered_seconds = remembered_seconds
        self._callers: Recent[Caller] = Recent()
        self._standings: Recent[Standing] = Recent()

    async def caller(self, tenant: Tenant, token: str, *, newest: bool = False) -> Caller | None:
        """Return who shows this token at this tenant; None where it is no valid session.

        With `newest` the session store is asked, whatever is remembered: before a write.
        """
        token_hash = hash_of(token)
        key, now = (tenant.id, token_hash), self._clock()
        known = self._callers.newer_than(key, now - self._remembered_seconds)
        if known is not None and not newest:
            return known
        session = await self.store.find(tenant, token_hash)
        if session is None:
            self._callers.forget(key)
            return None
        standing = await self._standing(tenant, session.account)
        if standing is None or not standing.active or standing.epoch > session.epoch:
            return None
        caller = Caller(session, standing.role)
        self._callers.keep(key, caller, now)
        return caller

    async def end(self, tenant: Tenant, session: Session) -> None:
        await self.store.end(tenant, session)
        self._callers.forget((tenant.id, session.token_hash))

    async def refresh(self, tenant: Tenant, session: Session) -> Session | None:
        self._callers.forget((tenant.id, session.token_hash))
        return await self.store.refresh(tenant, session)

    def account_changed(self, tenant: Tenant, account: UUID) -> None:
        """Ask anew for this account's standing, and for every session that rests on it."""
        self._standings.forget((tenant.id, account))
        self._callers.drop(lambda caller: caller.session.account == account)

    async def _standing(self, tenant: Tenant, account: UUID) -> Standing | None:
        key, now = (tenant.id, account), self._clock()
        known = self._standings.newer_than(key, now - STANDING_SECONDS)
        if known is not None:
            return known
        try:
            row = await self._entities.standing(tenant, account)
        except UnavailableError:
            known = self._standings.newer_than(key, now - _STANDING_AT_MOST_SECONDS)
            if known is None:
                raise
            return known
        if row is None:
            self._standings.forget(key)
            return None
        standing = Standing(row["session_epoch"], row["status"] == "ACTIVE", row["role"])
        self._standings.keep(key, standing, now)
        return standing

"""Passwords: argon2id, in a few threads, so that a flood of logins delays nothing else."""

from __future__ import annotations

import hashlib
import os
from contextlib import AbstractContextManager
from functools import partial
from uuid import UUID

import argon2

from service.fair_queue import FairQueue

# OWASP, Password Storage Cheat Sheet: argon2id with at least 19 MiB, 2 passes, 1 lane.
_MEMORY_KIB, _PASSES, _LANES = 19_456, 2, 1
# How long a password waits for a thread at most, and how long one takes until that is measured.
_WAIT_SECONDS, _SECONDS_EACH = 1.0, 0.05


class Passwords:
    """Hashes and verifies. A verification takes as long for a user who does not exist."""

    def __init__(self, *, threads: int | None = None) -> None:
        self.threads = threads or len(os.sched_getaffinity(0))
        self._hasher = argon2.PasswordHasher(
            time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=_LANES
        )
        self._queue = FairQueue(
            threads=self.threads, wait_seconds=_WAIT_SECONDS, seconds_each=_SECONDS_EACH
        )
        # Of a password that nobody knows, for logins that nobody has.
        self._nobody = self._hasher.hash(os.urandom(32))

    def place(self, tenant: UUID | None) -> AbstractContextManager[None]:
        """Hold a place for one password of a tenant; BusyError where it would wait too long."""
        return self._queue.place(tenant)

    async def hash(self, password: str, tenant: UUID | None = None) -> str:
        """Return what is stored; BusyError as `place`."""
        with self.place(tenant):
            return await self._queue.run(tenant, partial(self._hasher.hash, password))

    async def verify(self, stored: str | None, password: str, tenant: UUID | None = None) -> bool:
        """Return whether it is the password, after one verification in any case."""
        work = partial(self._matches, stored or self._nobody, password)
        return await self._queue.run(tenant, work) and stored is not None

    def close(self) -> None:
        self._queue.close()

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except argon2.exceptions.VerificationError:
            return False
        except argon2.exceptions.InvalidHashError:
            # Not of this algorithm: nobody can log in by it, and it takes as long to say so.
            self._matches(self._nobody, password)
            return False


def secret_hash(secret: str) -> str:
    """Return what is kept of an application's secret, which is long and of our own making."""
    return hashlib.sha256(secret.encode()).hexdigest()

"""Passwords: argon2id, in a few threads, so that a flood of logins delays nothing else."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TypeVar
from uuid import UUID

import argon2

from service.fair_queue import FairQueue

T = TypeVar("T")

# OWASP, Password Storage Cheat Sheet: argon2id with at least 19 MiB, 2 passes, 1 lane.
_MEMORY_KIB, _PASSES, _LANES = 19_456, 2, 1
# How many logins are under way at once for each thread: while some wait for a store, others verify.
_AT_ONCE = 4
# How long a login waits for its turn at most, and how long a turn takes until that is measured.
_WAIT_SECONDS, _SECONDS_EACH = 8.0, 0.1


class Passwords:
    """Hashes and verifies. A verification takes as long for a user who does not exist."""

    def __init__(self, *, threads: int | None = None) -> None:
        self.threads = threads or len(os.sched_getaffinity(0))
        self._hasher = argon2.PasswordHasher(
            time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=_LANES
        )
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="argon2")
        self._queue = FairQueue(
            at_once=_AT_ONCE * self.threads,
            wait_seconds=_WAIT_SECONDS,
            seconds_each=_SECONDS_EACH,
        )
        # Of a password that nobody knows, for logins that nobody has.
        self._nobody = self._hasher.hash(os.urandom(32))

    def turn(self, tenant: UUID | None) -> AbstractAsyncContextManager[None]:
        """Wait for a tenant's turn and hold it; BusyError where it would come too late.

        A login takes its turn before it asks any store, so that a refusal costs nothing.
        """
        return self._queue.turn(tenant)

    async def hash(self, password: str, tenant: UUID | None = None) -> str:
        """Return what is stored; BusyError as `turn`."""
        async with self.turn(tenant):
            return await self._run(partial(self._hasher.hash, password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Return whether it is the password, after one verification in any case."""
        return await self._run(partial(self._matches, stored or self._nobody, password)) and (
            stored is not None
        )

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

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

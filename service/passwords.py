"""Passwords: argon2id, in a few threads, so that a flood of logins waits and nothing else does."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import argon2

# OWASP, Password Storage Cheat Sheet: argon2id with at least 19 MiB, 2 passes, 1 lane.
_MEMORY_KIB, _PASSES, _LANES = 19_456, 2, 1
# How many may wait for a thread. At 25 ms each, the last of 64 on one CPU waits 1.6 s.
_WAITING_MAX = 64


T = TypeVar("T")


class BusyError(Exception):
    """More passwords wait to be verified than can be within a request's time."""


class Passwords:
    """Hashes and verifies. A verification takes as long for a user who does not exist."""

    def __init__(self, *, threads: int | None = None) -> None:
        self.threads = threads or len(os.sched_getaffinity(0))
        self._hasher = argon2.PasswordHasher(
            time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=_LANES
        )
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="argon2")
        self._waiting = 0
        # Of a password that nobody knows, for logins that nobody has.
        self._nobody = self._hasher.hash(os.urandom(32))

    async def hash(self, password: str) -> str:
        """What is stored; BusyError when too many wait."""
        return await self._run(partial(self._hasher.hash, password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether it is the password; one verification in any case. BusyError as `hash`."""
        matches = await self._run(partial(self._matches, stored or self._nobody, password))
        return matches and stored is not None

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except argon2.exceptions.VerificationError:
            return False
        except argon2.exceptions.InvalidHashError:
            # Not of this algorithm: nobody can log in by it, and it takes as long to say so.
            self._matches(self._nobody, password)
            return False

    async def _run(self, act: Callable[[], T]) -> T:
        if self._waiting >= _WAITING_MAX * self.threads:
            raise BusyError
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, act)
        finally:
            self._waiting -= 1


def secret_hash(secret: str) -> str:
    """Return what is kept of an application's secret, which is long and of our own making."""
    return hashlib.sha256(secret.encode()).hexdigest()

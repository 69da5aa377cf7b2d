"""Passwords: argon2id, in a few threads, so that a flood of logins delays nothing else.

What may become a password is NIST SP 800-63B's: long, and no common or easily guessed one. zxcvbn
has the most common passwords of breaches, words and names, and finds rows of keys and repetitions.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import unicodedata
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TypeVar
from uuid import UUID

import argon2
from zxcvbn import zxcvbn

from service.fair_queue import FairQueue

T = TypeVar("T")

# Code points. NIST SP 800-63B-4, 3.1.1.2: at least 15 where a password is the only factor, and no
# maximum below 64. Each of a login's bytes is hashed, so there is one.
PASSWORD_MIN, PASSWORD_MAX = 15, 256
# zxcvbn's "safely unguessable": more than 10^8 guesses. Its time grows with the square of the
# length, so it looks at the beginning; a weak beginning is refused whatever follows.
_SCORE_MIN, _LOOKED_AT = 3, 72
# OWASP, Password Storage Cheat Sheet: argon2id with at least 19 MiB, 2 passes, 1 lane.
_MEMORY_KIB, _PASSES, _LANES = 19_456, 2, 1
# How many logins are under way at once for each thread: while some wait for a store, others verify.
_AT_ONCE = 4
# How long a login waits for its turn at most, and how long a turn takes until that is measured.
_WAIT_SECONDS, _SECONDS_EACH = 8.0, 0.1


class WeakPasswordError(ValueError):
    """A new password is refused: too short, common, or made of what everybody knows."""


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

    def turn(self, *path: Hashable) -> AbstractAsyncContextManager[None]:
        """Wait for a turn of a tenant and its client, and hold it; BusyError where it comes late.

        A login takes its turn before it asks any store, so that a refusal costs nothing.
        """
        return self._queue.turn(*path)

    async def hash(self, password: str, login: str, tenant: UUID | None = None) -> str:
        """Return what is kept of a new password. WeakPasswordError; BusyError as `turn`."""
        async with self.turn(tenant, "hash"):
            return await self._run(partial(self._hash, password, login))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Return whether it is the password, after one verification in any case."""
        found = partial(self._matches, stored or self._nobody, _prepared(password))
        return await self._run(found) and stored is not None

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _hash(self, password: str, login: str) -> str:
        password = _prepared(password)
        require_strong(password, login)
        return self._hasher.hash(password)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except argon2.exceptions.VerificationError:
            return False
        except argon2.exceptions.InvalidHashError:
            # Not of this algorithm: nobody can log in by it, and it takes as long to say so.
            self._matches(self._nobody, password)
            return False


def require_strong(password: str, login: str) -> None:
    """WeakPasswordError where a password is short, common, the login or easy to guess from it."""
    if len(password) < PASSWORD_MIN:
        raise WeakPasswordError(f"a password should have at least {PASSWORD_MIN} characters")
    if password.casefold() == login.casefold():
        raise WeakPasswordError("a password should not be the login")
    found = zxcvbn(password[:_LOOKED_AT], user_inputs=[login, *re.split(r"\W+", login)])
    if found["score"] < _SCORE_MIN:
        raise WeakPasswordError("a password should be harder to guess: take some words of your own")


def _prepared(password: str) -> str:
    """Return the one form of a text that keyboards write in several (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password)


def secret_hash(secret: str) -> str:
    """Return what is kept of an application's secret, which is long and of our own making."""
    return hashlib.sha256(secret.encode()).hexdigest()

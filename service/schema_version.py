"""The schema versions that this build speaks: the last migration of each store that it carries."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cache

from service.log import log
from service.operations.migration_files import FOLDER, read

# One migration of a first start, on an empty table, takes much less.
_MOVES_SECONDS = 10.0


class SchemaVersionError(Exception):
    """A database has another schema version than this build speaks."""


class Versions:
    """The versions of servers that are not this build's, look after look.

    A store without any version, or one that is older and moves, is at its first start: whoever
    waits for it goes on waiting, and says so. One that stays older is not migrated.
    """

    def __init__(self, spoken: int) -> None:
        self._spoken = spoken
        self._seen: dict[str, int] = {}
        self._since = 0.0

    def may_come(self, found: Mapping[str, int]) -> bool:
        """Return whether the versions of `found`, by server, may become this build's."""
        if found != self._seen:
            self._seen, self._since = dict(found), time.monotonic()
            log("waits for the first start", versions=self._seen)
        if not any(found.values()):
            return True
        moves = time.monotonic() - self._since < _MOVES_SECONDS
        return moves and max(found.values()) < self._spoken


@cache
def spoken(store: str) -> int:
    """The version of `entity` or `transaction` that this build was written for."""
    return len(read(store, FOLDER))

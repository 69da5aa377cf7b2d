"""The schema versions that this build speaks: the last migration of each store that it carries."""

from __future__ import annotations

from functools import cache

from service.operations.migration_files import FOLDER, read


class SchemaVersionError(Exception):
    """A database has another schema version than this build speaks."""


@cache
def spoken(store: str) -> int:
    """The version of `entity` or `transaction` that this build was written for."""
    return len(read(store, FOLDER))

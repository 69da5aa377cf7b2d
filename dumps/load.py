"""Restores a dump into an empty database, and proves that all of it is there."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from dumps import database
from dumps.errors import DumpError
from dumps.manifest import Manifest, find
from dumps.programs import major_of, run, version_of
from dumps.shelf import Shelf

_CHUNK = 2**20


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What was restored and found equal to the manifest."""

    manifest: Manifest
    server_version: int
    counters_raised: int


def load(
    shelf: Shelf,
    store: str,
    which: str,
    dsn: str,
    work: Path,
    *,
    workers: int = 4,
    report: Callable[[str], None] = lambda _: None,
) -> Loaded:
    """Restore into the database that `dsn` names; `work` is an empty folder with room for it.

    Every file is read and compared with the manifest before the database is touched. Raises
    DumpError: a wrong version, a database that is not empty, a damaged file, a table that is not
    what it was.
    """
    manifest = find(shelf, store, which)
    _check_program(manifest)
    with psycopg.connect(dsn, autocommit=True) as connection:
        server = connection.info.server_version
        _check_target(connection, manifest)
    data = work / "data"
    data.mkdir()
    try:
        report(f"reading {len(manifest.files)} files of {manifest.folder}")
        for name, file in manifest.files.items():
            key, path = f"{manifest.folder}/data/{name}", data / name
            shelf.get_file(key, path)
            _check(key, path, file.size, file.sha256)
        report(f"restoring {manifest.rows} rows")
        run(
            "pg_restore",
            *("--no-owner", "--no-privileges", "--exit-on-error", "--jobs", str(workers)),
            *("--dbname", _database(dsn), str(data)),
            dsn=dsn,
        )
    finally:
        shutil.rmtree(data, ignore_errors=True)
    return Loaded(manifest=manifest, server_version=server, counters_raised=_prove(dsn, manifest))


def verify(manifest: Manifest, dsn: str) -> None:
    """Compare a database with the manifest. Raises DumpError naming each table that differs."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        database.begin(connection)
        found = database.tables(connection)
        connection.execute("ROLLBACK")
    wrong = [
        f"{name}: {_difference(manifest.tables.get(name), found.get(name))}"
        for name in sorted({*manifest.tables, *found})
        if manifest.tables.get(name) != found.get(name)
    ]
    if wrong:
        raise DumpError("the restored database differs from its manifest: " + "; ".join(wrong))


def _prove(dsn: str, manifest: Manifest) -> int:
    verify(manifest, dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        raised = database.raise_counters(connection)
        connection.execute("ANALYZE")
    return raised


def _difference(expected: database.Table | None, found: database.Table | None) -> str:
    if expected is None or found is None:
        return "is missing" if found is None else "is not in the manifest"
    if expected.rows != found.rows:
        return f"has {found.rows} rows, not {expected.rows}"
    return "has other values" if expected.columns == found.columns else "has other columns"


def _check_program(manifest: Manifest) -> None:
    if major_of("pg_restore") < manifest.major:
        raise DumpError(
            f"pg_restore should be of major version {manifest.major} at least, for a dump of that "
            f"version, got {version_of('pg_restore')}"
        )


def _check_target(connection: database.Connection, manifest: Manifest) -> None:
    major = connection.info.server_version // 10_000
    if major not in (manifest.major, manifest.major + 1):
        raise DumpError(
            f"the target should be PostgreSQL {manifest.major} or {manifest.major + 1}, since the "
            f"dump is of {manifest.major}, got {major}"
        )
    if not database.is_empty(connection):
        raise DumpError(
            f"database '{connection.info.dbname}' should be empty, and has tables, perhaps of a "
            "load that was cut off: drop and create it, then load again"
        )
    missing = set(manifest.extensions) - database.available_extensions(connection)
    if missing:
        names = ", ".join(sorted(missing))
        raise DumpError(f"the target lacks extensions that the dump needs: install {names}")
    encoding = database.value(connection, "SHOW server_encoding")
    if encoding != manifest.encoding:
        raise DumpError(
            f"database '{connection.info.dbname}' should have the encoding {manifest.encoding}, "
            f"got {encoding}: create it with --encoding {manifest.encoding} --template template0"
        )


def _check(key: str, path: Path, size: int, sha256: str) -> None:
    found = path.stat().st_size
    if found != size:
        raise DumpError(f"{key} has {found} bytes, not {size}: nothing was restored")
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != sha256:
        raise DumpError(f"{key} is damaged (SHA-256): nothing was restored")


def _database(dsn: str) -> str:
    """pg_restore restores into what it is told here alone, not into PGDATABASE."""
    from psycopg.conninfo import conninfo_to_dict

    return str(conninfo_to_dict(dsn).get("dbname") or "postgres")

"""Takes a dump: one exported snapshot, PostgreSQL's own format, counts of the same moment."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from dumps import database
from dumps.errors import DumpError
from dumps.guide import GUIDE
from dumps.instance import pinned
from dumps.manifest import PREFIX, File, Manifest, decode, manifests
from dumps.programs import major_of, run, version_of
from dumps.shelf import Shelf

_CHUNK = 2**20
_ATTEMPTS = 3
_CONFLICT = "due to conflict with recovery"


@dataclass(frozen=True, kw_only=True)
class DumpRequest:
    """What to dump, and how."""

    store: str
    dsn: str
    retain: timedelta
    workers: int = 4  # tables at once
    level: int = 3  # of zstd
    unless_younger: timedelta | None = None  # a dump that is younger is enough


@dataclass(frozen=True, kw_only=True)
class Dumped:
    manifest: Manifest
    already: bool  # a young enough one was there


def dump(shelf: Shelf, asked: DumpRequest, work: Path, *, now: datetime) -> Dumped:
    """Dump into the shelf; `work` is an empty folder with room for the compressed dump.

    Whatever ends it before its manifest is written leaves no dump. Raises DumpError.
    """
    young = _young(shelf, asked, now)
    if young is not None:
        return Dumped(manifest=young, already=True)
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%S")
    folder = f"{PREFIX}/{asked.store}/{stamp}Z_{secrets.token_hex(4)}"
    until = now + asked.retain
    data = work / "data"
    try:
        manifest = _dumped(asked, folder, data, now=now, until=until)
        for name in sorted(manifest.files):
            shelf.put_file(f"{folder}/data/{name}", data / name, until)
        sums = "".join(f"{file.sha256}  data/{name}\n" for name, file in manifest.files.items())
        shelf.put_once(f"{folder}/SHA256SUMS", sums.encode(), until)
        shelf.put_once(f"{folder}/README.md", GUIDE.encode(), until)
        shelf.put_once(manifest.key, manifest.encode(), until)
    finally:
        shutil.rmtree(data, ignore_errors=True)
    return Dumped(manifest=manifest, already=False)


def _young(shelf: Shelf, asked: DumpRequest, now: datetime) -> Manifest | None:
    keys = manifests(shelf, asked.store) if asked.unless_younger else []
    if not keys:
        return None
    newest = decode(shelf.get(keys[-1]), keys[-1])
    age = now - datetime.fromisoformat(newest.taken_at)
    return newest if asked.unless_younger and age < asked.unless_younger else None


def _dumped(
    asked: DumpRequest, folder: str, data: Path, *, now: datetime, until: datetime
) -> Manifest:
    """Dump into `data`, again where the replica cancelled it to go on applying changes.

    The third time says that it will not do by itself: DumpError.
    """
    reason = ""
    for attempt in range(1, _ATTEMPTS + 1):
        with psycopg.connect(asked.dsn, autocommit=True) as connection:
            notices: list[str] = []
            connection.add_notice_handler(
                lambda notice, to=notices: to.append(notice.message_primary or "")
            )
            try:
                return _from_database(connection, asked, folder, data, now=now, until=until)
            except (psycopg.OperationalError, DumpError) as error:
                if not _is_cancelled(connection, error, notices):
                    raise
                reason = str(error).splitlines()[0]
        print(f"cancelled, {attempt} of {_ATTEMPTS} times: {reason}", file=sys.stderr)
        shutil.rmtree(data, ignore_errors=True)
    raise DumpError(
        f"the replica cancelled the dump {_ATTEMPTS} times, to apply what it is sent ({reason}): "
        "raise its max_standby_streaming_delay, or dump when no table is altered or vacuumed"
    )


def _is_cancelled(connection: database.Connection, error: Exception, notices: list[str]) -> bool:
    """Return whether a conflict with recovery ended it, here or under pg_dump.

    PostgreSQL documentation, 26.4.2 Handling Query Conflicts. Where the session that holds the
    snapshot is ended between two statements, pg_dump alone notices, and in other words; what the
    server sent to the session is read before anything is sent to it, or it may be lost.
    """
    with contextlib.suppress(psycopg.Error):
        connection.pgconn.consume_input()
        connection.pgconn.is_busy()
    try:
        connection.execute("SELECT 1")
    except psycopg.Error as found:
        notices.append(str(found))
    return any(_CONFLICT in text for text in (str(error), *notices))


def _from_database(
    connection: database.Connection,
    asked: DumpRequest,
    folder: str,
    data: Path,
    *,
    now: datetime,
    until: datetime,
) -> Manifest:
    server = connection.info.server_version
    if major_of("pg_dump") < server // 10_000:
        raise DumpError(
            f"pg_dump should be of major version {server // 10_000} at least, for a server of "
            f"that version, got {version_of('pg_dump')}"
        )
    dsn = pinned(connection, asked.dsn)
    database.begin(connection)
    snapshot = database.value(connection, "SELECT pg_export_snapshot()")
    # Both read the one snapshot, so they may run at the same time; its transaction stays open
    # until both have ended.
    with ThreadPoolExecutor(1) as beside:
        dumping = beside.submit(_pg_dump, asked, dsn, snapshot, data)
        found = database.tables(connection)
        dumping.result()
    manifest = Manifest(
        store=asked.store,
        folder=folder,
        taken_at=database.value(connection, "SELECT now()").astimezone(UTC).isoformat(),
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        retain_until=until.astimezone(UTC).isoformat(timespec="seconds"),
        server_version=server,
        on_replica=database.value(
            connection,
            "SELECT pg_is_in_recovery() OR EXISTS (SELECT FROM pg_stat_subscription)",
        ),
        database=connection.info.dbname,
        encoding=database.value(connection, "SHOW server_encoding"),
        collation=database.value(
            connection,
            "SELECT datcollate FROM pg_database WHERE datname = current_database()",
        ),
        extensions=database.extensions(connection),
        tables=found,
        files={path.name: _file(path) for path in sorted(data.iterdir())},
        program=version_of("pg_dump"),
    )
    connection.execute("ROLLBACK")
    return manifest


def _pg_dump(asked: DumpRequest, dsn: str, snapshot: str, data: Path) -> None:
    run(
        "pg_dump",
        *("--format", "directory", "--jobs", str(asked.workers), "--file", str(data)),
        *("--compress", f"zstd:{asked.level}", "--snapshot", snapshot),
        *("--lock-wait-timeout", database.LOCK_WAIT),
        # What ties a server to others, and would follow them again: not the data's.
        *("--no-publications", "--no-subscriptions"),
        dsn=dsn,
    )


def _file(path: Path) -> File:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return File(size=path.stat().st_size, sha256=digest.hexdigest())

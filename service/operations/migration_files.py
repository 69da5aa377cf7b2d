"""The migrations of a store: reviewed files, in order, each once, each in one transaction.

    service/migrations/<store>/0001_first.sql
    service/migrations/<store>/0001_first.revert.sql    what undoes it, where that is possible

A file is never edited after it ran anywhere: its checksum is kept beside its version. PostgreSQL
itself cuts a file into its statements.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from psycopg import pq

from service.operations import rights, schema, survey
from service.operations.node import DeclinedError
from service.operations.operator import NodeSession

FOLDER = Path(__file__).parent.parent / "migrations"
_FILE = re.compile(r"(?P<version>\d{4})_(?P<name>[a-z0-9_]+)\.sql")
_TRANSACTION = "SELECT pg_current_xact_id()::text"


@dataclass(frozen=True, kw_only=True)
class Migration:
    """A migration's file: its name, its text and the text that undoes it."""

    version: int
    name: str
    sha256: str
    text: str
    reverting: str | None


def read(store: str, folder: Path = FOLDER) -> list[Migration]:
    """Return the migrations of a store. Raises ValueError for a name or a gap."""
    found = []
    files = [path for path in (folder / store).glob("*.sql") if ".revert" not in path.suffixes]
    for expected, path in enumerate(sorted(files), start=1):
        match = _FILE.fullmatch(path.name)
        if match is None or int(match["version"]) != expected:
            raise ValueError(
                f"migration '{store}/{path.name}' should be named {expected:04d}_<what_it_does>.sql"
            )
        text = path.read_bytes()
        revert = path.with_suffix(".revert.sql")
        found.append(
            Migration(
                version=expected,
                name=match["name"],
                sha256=hashlib.sha256(text).hexdigest(),
                text=text.decode(),
                reverting=revert.read_text() if revert.exists() else None,
            )
        )
    return found


def require_same_files(session: NodeSession, known: list[Migration]) -> None:
    """Raise DeclinedError where the database was migrated by other files than these."""
    if not schema.exists(session):
        return
    for version, sha256 in session.rows("SELECT version, sha256 FROM operations.migration"):
        if version > len(known):
            raise DeclinedError(
                f"{session.node.name} has version {version}, this image knows {len(known)}: use "
                "the image that migrated it"
            )
        if sha256 != known[version - 1].sha256:
            raise DeclinedError(
                f"migration {version} was edited after it ran on {session.node.name}: restore the "
                "file and write a new one"
            )


def apply(session: NodeSession, migration: Migration, *, adds: bool = False) -> None:
    """Run a migration inside the transaction that has begun, and record its version.

    `adds` is whether old code runs on, which a trial has shown.

    Raises DeclinedError where its result is not what every server can have alike, or opens what a
    fence has closed.
    """
    _run(session, migration.text, f"migration {migration.version}")
    session.change(
        "INSERT INTO operations.migration (version, name, sha256, breaks) VALUES ({}, {}, {}, {})",
        *(migration.version, migration.name, migration.sha256, not adds),
    )


def revert(session: NodeSession, migration: Migration) -> None:
    """Undo a migration inside the transaction that has begun. Raises as `apply` does."""
    if migration.reverting is None:
        raise DeclinedError(
            f"migration {migration.version} has no .revert.sql: rebuild {session.node.name}"
        )
    _run(session, migration.reverting, f"undoing migration {migration.version}")
    session.change("DELETE FROM operations.migration WHERE version = {}", migration.version)


def _run(session: NodeSession, text: str, what: str) -> None:
    replicated = session.node.store == "entity"
    fenced = rights.is_fenced(session)
    before = None if session.dry_run else session.value(_TRANSACTION)
    session.change(text)
    if session.dry_run:
        return
    status = session.connection.info.transaction_status
    if status != pq.TransactionStatus.INTRANS or session.value(_TRANSACTION) != before:
        raise DeclinedError(
            f"{what} ends its transaction, and would be half done after an error: leave BEGIN, "
            "COMMIT and ROLLBACK out"
        )
    if replicated:
        survey.require(session)
    rights.provide(session, publish=replicated)
    if fenced and not rights.is_fenced(session):
        raise DeclinedError(
            f"{what} gives rights to write, which are the fence's to give: leave GRANT out, every "
            f"table's writer gets them when {session.node.name} takes writes"
        )

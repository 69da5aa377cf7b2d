"""PostgreSQL started on a restored volume: the proof that its blocks are a database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from dumps import database
from dumps.errors import DumpError
from dumps.programs import major_of
from dumps.scratch import SCRATCH, running
from dumps.volume import copy_out

FOLDER = "pgdata"  # of the volumes of the follower and the delayed replica
_RECOVERED = "redo starts at"
_RECOVERY_SECONDS = 3600  # the log since a checkpoint, which a busy standby makes rarely
# Where it came from it followed others, and kept logs for those that follow it: with these it
# starts alone, and calls nobody. What it was configured with there lies outside, or is removed.
_ALONE = {
    "wal_level": "logical",  # its slots want it, and are of no further use
    "max_replication_slots": "1000",
    "max_logical_replication_workers": "0",
    "max_prepared_transactions": "1000",
    "track_commit_timestamp": "on",
    "shared_preload_libraries": "",
    "primary_conninfo": "",
    "archive_mode": "off",
    "restart_after_crash": "off",
    "logging_collector": "off",
    "log_min_messages": "log",
}
_ITS_OWN = ("postmaster.pid", "standby.signal", "recovery.signal", "postgresql.auto.conf")


def boot_image(image: Path, work: Path) -> dict[str, Any]:
    """Recover the cluster of an image as after a power cut, and read every row of every table.

    `work` is an empty folder with room for the cluster. Returns rows and checksum by database and
    table. Raises DumpError where it does not start, or holds no row.
    """
    data = work / "data"
    copy_out(image, FOLDER, data, work / "kernel")
    _check_version(data)
    for name in _ITS_OWN:
        (data / name).unlink(missing_ok=True)
    (work / "boot.conf").write_text("")
    (work / "hba.conf").write_text("local all all trust\n")
    files = {"config_file": str(work / "boot.conf"), "hba_file": str(work / "hba.conf")}
    settings = {**SCRATCH, **_ALONE, **files}
    with running(data, work, settings, seconds=_RECOVERY_SECONDS) as dsn:
        tables, version = _read(dsn)
    if not any(table.rows for table in tables.values()):
        raise DumpError(f"the cluster of {image.name} starts and holds no row")
    recovered = _RECOVERED in (work / "server.log").read_text(errors="replace")
    return {
        "server_version": version,
        "crash_recovery": recovered,
        "tables": {
            name: {"rows": table.rows, "checksum": table.checksum} for name, table in tables.items()
        },
    }


def _check_version(data: Path) -> None:
    written = data / "PG_VERSION"
    if not written.exists():
        raise DumpError(f"'{FOLDER}' should be a cluster of PostgreSQL, got no PG_VERSION in it")
    of_data, ours = written.read_text().strip(), major_of("postgres")
    if of_data != str(ours):
        raise DumpError(f"the volume's cluster is of PostgreSQL {of_data}, the server here {ours}")


def _read(dsn: str) -> tuple[dict[str, database.Table], str]:
    tables = {}
    names = "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 1"
    with psycopg.connect(dsn, autocommit=True) as connection:
        found = [name for (name,) in connection.execute(names).fetchall()]
        version = str(database.value(connection, "SHOW server_version"))
    for name in found:
        with psycopg.connect(make_conninfo(dsn, dbname=name), autocommit=True) as connection:
            database.begin(connection)
            for table, sums in database.tables(connection).items():
                tables[f"{name}/{table}"] = sums
    return tables, version

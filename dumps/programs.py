"""PostgreSQL's own programs: pg_dump, pg_restore, and for drills a server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from dumps.errors import DumpError

# libpq's names for the parts of a connection string, so that no password stands on a command line.
_VARIABLES = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "options": "PGOPTIONS",
    "connect_timeout": "PGCONNECT_TIMEOUT",
}


def program(name: str) -> str:
    """The path of a program: in the folder PG_BIN, on the path, or where Debian has it."""
    folders = [os.environ.get("PG_BIN", ""), *map(str, sorted(_DEBIAN.glob("*/bin"), reverse=True))]
    for folder in folders:
        if folder and (Path(folder) / name).exists():
            return str(Path(folder) / name)
    found = shutil.which(name)
    if found is None:
        raise DumpError(
            f"'{name}' is not installed: install PostgreSQL's client programs, or let PG_BIN name "
            "the folder that holds them"
        )
    return found


_DEBIAN = Path("/usr/lib/postgresql")


def major_of(name: str) -> int:
    """The major version of a program."""
    found = re.search(r"(\d+)", version_of(name).partition(")")[2])
    assert found, f"{name} says no version"
    return int(found[1])


def version_of(name: str) -> str:
    """What a program says of itself, such as `pg_dump (PostgreSQL) 17.10`."""
    printed = subprocess.run(
        [program(name), "--version"], capture_output=True, text=True, check=True
    )
    return printed.stdout.strip()


def run(name: str, *arguments: str, dsn: str) -> None:
    """Run a program on a database to its end. Raises DumpError with what it said."""
    done = subprocess.run(
        [program(name), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **variables(dsn)},
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        errors = [line for line in lines if "error:" in line.lower()]  # a query may follow, whole
        raise DumpError(f"{name}: {' '.join((errors or lines)[-3:])}")


def variables(dsn: str) -> Mapping[str, str]:
    """A connection string as libpq's variables."""
    parts = conninfo_to_dict(dsn)
    return {_VARIABLES[name]: str(part) for name, part in parts.items() if name in _VARIABLES}

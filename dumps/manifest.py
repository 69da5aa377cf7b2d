"""The manifest of a dump: written last, and without it there is no dump."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from dumps.errors import DumpError
from dumps.shelf import Shelf

FORMAT = 1
PREFIX = "dumps"
NAME = "manifest.json"


@dataclass(frozen=True, kw_only=True)
class File:
    """A file of the dump: its bytes, and what they must hash to."""

    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """What the dump's own transaction counted: rows, and the sum of their MD5 over columns."""

    rows: int
    checksum: str
    columns: tuple[str, ...]  # by name, as they go into the checksum


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything that a restore and its proof need."""

    store: str
    folder: str  # key prefix of the dump, without a slash at its end
    taken_at: str  # of the snapshot, ISO 8601 in UTC
    finished_at: str
    retain_until: str
    server_version: int  # as PostgreSQL counts: 170010
    on_replica: bool  # the server was in recovery, or a subscriber
    database: str
    encoding: str
    collation: str
    extensions: dict[str, str]
    tables: dict[str, Table]  # by schema-qualified name
    files: dict[str, File]  # by name under <folder>/data/
    program: str  # what pg_dump says of itself
    roles: tuple[str, ...] = field(default=())  # whose rights were left out

    @property
    def key(self) -> str:
        return f"{self.folder}/{NAME}"

    @property
    def major(self) -> int:
        return self.server_version // 10_000

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables.values())

    def encode(self) -> bytes:
        """The JSON, with the SHA-256 of itself."""
        body = {"format": FORMAT, **asdict(self)}
        return json.dumps(
            {**body, "manifest_sha256": _digest(body)}, indent=1, sort_keys=True
        ).encode()


def decode(stored: bytes, key: str) -> Manifest:
    """Raises DumpError where it was edited, is damaged, or of another format."""
    try:
        body: dict[str, Any] = json.loads(stored)
        digest, version = body.pop("manifest_sha256"), body["format"]
    except (ValueError, KeyError, AttributeError) as error:
        raise DumpError(f"{key} is no manifest: {error!r}") from error
    if version != FORMAT:
        raise DumpError(f"{key} has format {version}; this program reads {FORMAT}")
    if digest != _digest(body):
        raise DumpError(f"{key} was changed after it was written")
    known = {one.name for one in fields(Manifest)}
    values = {name: value for name, value in body.items() if name in known}
    values["files"] = {name: File(**value) for name, value in values["files"].items()}
    values["tables"] = {
        name: Table(**{**value, "columns": tuple(value["columns"])})
        for name, value in values["tables"].items()
    }
    values["roles"] = tuple(values["roles"])
    return Manifest(**values)


def find(shelf: Shelf, store: str, which: str = "latest") -> Manifest:
    """The manifest of that key or folder, or the newest of the store. Raises DumpError."""
    keys = manifests(shelf, store)
    if which == "latest":
        if not keys:
            raise DumpError(f"there is no dump of '{store}': no {PREFIX}/{store}/*/{NAME}")
        return decode(shelf.get(keys[-1]), keys[-1])
    key = which if which.endswith(f"/{NAME}") else f"{which.rstrip('/')}/{NAME}"
    return decode(shelf.get(key), key)


def manifests(shelf: Shelf, store: str) -> list[str]:
    """Keys of the store's dumps, oldest first: folders begin with their time."""
    return [key for key in shelf.keys(f"{PREFIX}/{store}/") if key.endswith(f"/{NAME}")]


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()

"""Reads what a slot holds and leaves it there: PostgreSQL's own replication messages, decoded.

Message formats: PostgreSQL 17 documentation, 53.9 Logical Replication Message Formats, version 1.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from service.operations.node import PUBLICATION
from service.operations.operator import NodeSession

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # of PostgreSQL's times

# Marks the transactions that `reconcile` itself makes.
CARRIED_OVER = "mainstay.reconcile"

_PEEK = """
SELECT data FROM pg_logical_slot_peek_binary_changes(
    %s, NULL, NULL, 'proto_version', '1', 'publication_names', %s, 'origin', 'none',
    'messages', 'true')
"""

Row = dict[str, str | None]
# Table and key values: which row it is about.
Identity = tuple[str, tuple[str | None, ...]]


@dataclass(frozen=True, kw_only=True)
class RowChange:
    """A change of one row: `action` is insert, update, delete or truncate.

    `row` is what it became; a value that is missing in it was not sent, because it did not change.
    `key` is what its key was before.
    """

    action: str
    table: str
    key: Row
    row: Row

    @property
    def identities(self) -> set[Identity]:
        """The rows that it touches: two, when it changes a key."""
        names = list(self.key)
        touched = {(self.table, tuple(self.key.values()))}
        if all(name in self.row for name in names):
            touched.add((self.table, tuple(self.row[name] for name in names)))
        return touched


@dataclass(kw_only=True)
class Transaction:
    """Changes that were committed at once, where in the log (a pg_lsn), with messages of ours."""

    commit_lsn: str
    committed_at: datetime
    changes: list[RowChange] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)


def peek(session: NodeSession, slot: str) -> list[Transaction]:
    """Return the transactions that a slot still holds, oldest first; the slot stays as it is."""
    relations: dict[int, _Relation] = {}
    found: list[Transaction] = []
    for data in session.column(_PEEK, slot, PUBLICATION):
        reader = _MessageReader(bytes(data))
        kind = reader.text(1)
        if kind == "B":
            high, low, microseconds = struct.unpack(">IIq", reader.take(16))
            at = _EPOCH + timedelta(microseconds=microseconds)
            found.append(Transaction(commit_lsn=f"{high:X}/{low:X}", committed_at=at))
        elif kind == "R":
            relation = reader.relation()
            relations[relation.oid] = relation
        elif kind == "M":
            reader.take(9)  # flags and position
            found[-1].marks.append(reader.string())
        elif kind in "IUD":
            found[-1].changes.append(_change(reader, kind, relations))
        elif kind == "T":
            found[-1].changes.extend(_truncates(reader, relations))
    return found


@dataclass(frozen=True, kw_only=True)
class _Relation:
    oid: int
    table: str
    columns: list[str]
    keys: list[str]


class _MessageReader:
    """Reads one message from its front."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        self._at += size
        return self._data[self._at - size : self._at]

    def text(self, size: int) -> str:
        return self.take(size).decode()

    def string(self) -> str:
        end = self._data.index(b"\0", self._at)
        text = self._data[self._at : end].decode()
        self._at = end + 1
        return text

    def number(self, form: str) -> int:
        return struct.unpack(f">{form}", self.take(struct.calcsize(form)))[0]

    def relation(self) -> _Relation:
        oid = self.number("I")
        self.string()  # schema: always public
        table = self.string()
        self.take(1)  # replica identity
        columns, keys = [], []
        for _ in range(self.number("H")):
            is_key = self.number("B") & 1
            name = self.string()
            self.take(8)  # type and its modifier
            columns.append(name)
            if is_key:
                keys.append(name)
        return _Relation(oid=oid, table=table, columns=columns, keys=keys)

    def row(self, columns: list[str]) -> Row:
        values: Row = {}
        for name, _ in zip(columns, range(self.number("H")), strict=False):
            kind = self.text(1)
            if kind == "n":
                values[name] = None
            elif kind == "t":
                values[name] = self.text(self.number("I"))
        return values


def _change(reader: _MessageReader, kind: str, relations: dict[int, _Relation]) -> RowChange:
    relation = relations[reader.number("I")]
    part = reader.text(1)
    old: Row = {}
    if part in "KO":
        old = reader.row(relation.columns)
        part = reader.text(1) if kind == "U" else ""
    row = reader.row(relation.columns) if part == "N" else {}
    key = {name: (old or row)[name] for name in relation.keys}
    action = {"I": "insert", "U": "update", "D": "delete"}[kind]
    return RowChange(action=action, table=relation.table, key=key, row=row)


def _truncates(reader: _MessageReader, relations: dict[int, _Relation]) -> list[RowChange]:
    count = reader.number("I")
    reader.take(1)  # CASCADE, RESTART IDENTITY
    return [
        RowChange(action="truncate", table=relations[reader.number("I")].table, key={}, row={})
        for _ in range(count)
    ]

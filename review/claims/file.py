"""Reads docs/claims.toml into a sound ledger, or says everything that is wrong with it."""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

from review.claims.ledger import Claim, Ledger, Omitted, Source

TABLES = {"source": Source, "claim": Claim, "omitted": Omitted}

Row = TypeVar("Row", Source, Claim, Omitted)


class LedgerError(ValueError):
    """A ledger has problems; the message has one line for each."""


def load(path: Path) -> Ledger:
    """Return the ledger in that file. Raises LedgerError with every problem at once."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise LedgerError(f"{path} cannot be read: {error}") from error
    problems = [
        f"{name!r}: unknown table, use {', '.join(TABLES)}" for name in tables if name not in TABLES
    ]
    ledger = Ledger(
        sources=_rows(Source, tables.get("source", []), problems),
        claims=_rows(Claim, tables.get("claim", []), problems),
        omitted=_rows(Omitted, tables.get("omitted", []), problems),
    )
    problems += ledger.problems()
    if problems:
        raise LedgerError("\n  ".join([f"{path.name} has {len(problems)} problems:", *problems]))
    return ledger


def _rows(kind: type[Row], tables: list[dict[str, Any]], problems: list[str]) -> tuple[Row, ...]:
    """Return the well-formed rows of one kind; add what is wrong with the others to problems."""
    rows = []
    for number, table in enumerate(tables, start=1):
        where = table.get("id") or table.get("name") or f"{kind.__name__.lower()} {number}"
        wrong = _misfits(kind, table)
        problems += [f"{where!r}: {problem}" for problem in wrong]
        if not wrong:
            values: dict[str, Any] = {
                k: tuple(v) if isinstance(v, list) else v for k, v in table.items()
            }
            rows.append(kind(**values))
    return tuple(rows)


def _misfits(kind: type[Row], table: dict[str, Any]) -> list[str]:
    known = {field.name: field for field in fields(kind)}
    found = [f"unknown key {key!r}, use {', '.join(known)}" for key in table if key not in known]
    for name, field in known.items():
        if name not in table:
            found += [f"{name!r} is missing, add it"] if field.default is MISSING else []
        elif not _fits(table[name], str(field.type)):
            found.append(f"{name!r} should be a filled {field.type}, got {table[name]!r}")
    return found


def _fits(value: object, annotation: str) -> bool:
    if annotation.startswith("tuple"):  # may be empty: what a status asks for is the claim's rule
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, int if annotation == "int" else str) and bool(value)

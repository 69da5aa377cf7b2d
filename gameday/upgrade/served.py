"""Which build answered which request of the load, on which schema: from the processes' own logs.

Each request's line names the entity store's versions as the servers gave them in the transactions
that answered it, and the request's id, which the client chose.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gameday.upgrade.attempts import OK, Attempt

_IDS = '"load-'  # the ids that clients choose begin so


@dataclass(frozen=True)
class Served:
    """One answered request; `schemas` is empty where it was answered without the entity store."""

    id: str
    build: str
    schemas: tuple[int, ...]


def read(files: Iterable[Path]) -> Iterator[Served]:
    """Yield every request of the load that a process of the service answered."""
    for file in files:
        build = "unknown"
        with file.open(errors="replace") as lines:
            for line in lines:
                if '"event": "listening"' in line:
                    build = str(json.loads(line).get("build", build))
                elif _IDS in line and '"event": "request"' in line:
                    yield _served(json.loads(line), build)


def _served(line: Mapping[str, Any], build: str) -> Served:
    versions = [int(each) for each in line["schema"].split(",") if each]
    return Served(line["request_id"], build, tuple(versions))


def spoken(tree: Path) -> int:
    """Return the entity store's version that a release's tree was written for."""
    files = (tree / "service" / "migrations" / "entity").glob("*.sql")
    return len([file for file in files if ".revert" not in file.suffixes])


@dataclass(frozen=True, kw_only=True)
class Crossed:
    """Requests answered by a build on a schema that it was not written for, and the rest."""

    old_on_new: list[str]
    new_on_old: list[str]
    unexplained: list[str]  # answered to a client, and in no log
    by: dict[str, int]  # "build 1 on schema 1" -> requests


def crossed(
    served: Iterable[Served], attempts: Iterable[Attempt], *, speak: Mapping[str, int]
) -> Crossed:
    """`speak` has each build's version. A build that is not in it is taken for the newest."""
    found = list(served)
    newest = max(speak.values())
    by: Counter[str] = Counter()
    older, newer = [], []
    for each in found:
        own = speak.get(each.build, newest)
        on = "without the entity store"
        if each.schemas:
            on = f"on schema {'+'.join(map(str, each.schemas))}"
        by[f"build {each.build} {on}"] += 1
        if any(version > own for version in each.schemas):
            older.append(each.id)
        if any(version < own for version in each.schemas):
            newer.append(each.id)
    known = {each.id for each in found}
    return Crossed(
        old_on_new=older,
        new_on_old=newer,
        unexplained=[a.id for a in attempts if a.outcome == OK and a.id not in known],
        by=dict(sorted(by.items())),
    )

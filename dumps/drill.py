"""Restores the newest of everything into scratch, and leaves evidence of what was found right."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dumps.boot import boot_image
from dumps.load import load
from dumps.scratch import scratch_database
from dumps.shelf import Shelf
from functions.archive_format import root as roots
from functions.archive_format.root import Root
from functions.block_archive import proof
from functions.block_archive.store import Store

PREFIX = "proofs"
_SERIES = "mainstay:series"  # a tag of the snapshot, kept by its root

Server = Callable[[], AbstractContextManager[str]]


def drill_dump(
    shelf: Shelf,
    store: str,
    server: Server,
    work: Path,
    *,
    retain: timedelta,
    now: Callable[[], datetime],
) -> dict[str, Any]:
    """Load the newest dump into a scratch database and compare it with its manifest.

    Returns the evidence, which is on the shelf. Raises DumpError, and leaves none then.
    """
    started = now()
    with server() as dsn, scratch_database(dsn) as target:
        loaded = load(shelf, store, "latest", target, work)
    manifest = loaded.manifest
    return leave_evidence(
        shelf,
        store,
        {
            "restored": manifest.key,
            "taken_at": manifest.taken_at,
            "server_version": loaded.server_version,
            "tables": {name: table.rows for name, table in manifest.tables.items()},
            "checksums_equal": True,
        },
        started=started,
        ended=now(),
        retain=retain,
    )


def drill_archive(
    store: Store,
    shelf: Shelf,
    root: Root,
    work: Path,
    *,
    retain: timedelta,
    now: Callable[[], datetime],
) -> dict[str, Any]:
    """Restore an archived volume into an image, block by block against what EBS said of each, read
    it back, start PostgreSQL on it and read every table.

    Returns the evidence. Raises ArchiveError or DumpError, and leaves none then.
    """
    started = now()
    (work / "boot").mkdir()
    found = proof.verify(
        store, root, 3, scratch=work, inspect=lambda image: boot_image(image, work / "boot")
    )
    return leave_evidence(
        shelf,
        root.tags.get(_SERIES, root.volume_id),
        {
            "restored": root.key,
            "taken_at": root.snapshot_started,
            "level": 3,
            "found": found,
            "linear_sha256": root.linear_sha256,
        },
        started=started,
        ended=now(),
        retain=retain,
    )


def newest_roots(store: Store) -> Iterator[Root]:
    """The newest root of every series, or of every volume whose snapshots tell none."""
    newest: dict[str, Root] = {}
    last_of_volume = {key.split("/")[1]: key for key in store.keys(roots.PREFIX)}
    for key in last_of_volume.values():
        root = roots.decode(store.get(key), key)
        series = root.tags.get(_SERIES, root.volume_id)
        held = newest.get(series)
        if held is None or held.snapshot_started < root.snapshot_started:
            newest[series] = root
    yield from newest.values()


def leave_evidence(
    shelf: Shelf,
    what: str,
    body: dict[str, Any],
    *,
    started: datetime,
    ended: datetime,
    retain: timedelta,
) -> dict[str, Any]:
    """Under proofs/<what>/<when it ended>.json, locked as a backup is."""
    stamp = ended.astimezone(UTC).strftime("%Y%m%dT%H%M%S")
    key = f"{PREFIX}/{what}/{stamp}Z.json"
    evidence = {
        **body,
        "what": what,
        "started_at": started.isoformat(timespec="seconds"),
        "ended_at": ended.isoformat(timespec="seconds"),
    }
    text = json.dumps(evidence, indent=1, sort_keys=True, default=str)
    shelf.put_once(key, text.encode(), ended + retain)
    return {**evidence, "evidence": key}

"""Sweeps away what no retained root reaches, with a role of its own that cannot write.

Four things hold however it is interrupted or raced:
- the newest good root of a volume stays, whatever its age, with all that it reaches;
- so does every root that is retained or locked, and the base of every run that may still end;
- nothing goes that is young, for a run may have written it, or that S3 holds by a lock;
- where a retained root cannot be read, nothing goes, since nobody knows what it reaches.

A copy that another bucket is replicated into is swept behind its original, version by version: a
file that the copy alone judged to be of no use may be held again there by a run, which writes
nothing then, and so nothing would bring it back here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from functions.archive_format import root as roots
from functions.archive_format.ahead import ahead
from functions.archive_format.geometry import pack_key, segment_key
from functions.archive_format.reader import load_segment
from functions.archive_format.root import Root
from functions.archive_format.segment import Segment
from functions.block_archive import lease
from functions.block_archive.bucket import Held
from functions.block_archive.errors import ArchiveError, RefusedError
from functions.block_archive.lease import Lease
from functions.block_archive.store import Store

GRACE = timedelta(days=7)  # longer than a receipt lives, and so than what a run may rely on
_READERS = 8  # segments at once: 35 nights of 500 GiB are 9,000 of them
_MARKS = 3  # times that new roots may appear while the old ones are being read


@dataclass(kw_only=True)
class Pruned:
    """Counts what was deleted, or in a dry run would be unless a lock holds it."""

    dry_run: bool
    roots: list[str] = field(default_factory=list)
    kept_roots: int = 0
    newest_good: dict[str, str] = field(default_factory=dict)  # root by volume
    swept: int = 0
    swept_bytes: int = 0
    kept_locked: int = 0
    kept_young: int = 0
    kept_reachable: int = 0
    kept_in_original: int = 0
    unfinished: bool = False  # it was stopped in its sweep; the next run goes on


def prune(
    store: Store,
    *,
    now: datetime,
    apply: bool = False,
    keep_last: int = 1,
    grace: timedelta = GRACE,
    original: Store | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Pruned:
    """Expire roots, then sweep what none of the others reaches. Without `apply`, only count it.

    `keep_last`: good roots of each volume, at least 1, that stay whatever their age. `grace`: at
    least 7 days. `original`: the bucket that this one is the copy of; what it still has, stays.
    `stop` is asked before each deletion. Raises ArchiveError before anything is deleted where it is
    not known what to keep.
    """
    if keep_last < 1:
        raise RefusedError(f"'keep_last' should be at least 1, got {keep_last}")
    if grace < GRACE:
        raise RefusedError(f"'grace' should be at least {GRACE.days} days, got {grace}")
    if apply and not store.locks:
        raise RefusedError(
            f"'bucket' should have Object Lock, got '{store.name}': without it a sweep and an "
            "archive at the same time cannot be told apart"
        )
    pruned = Pruned(dry_run=not apply)
    expired, reachable = _marked(store, original, pruned, now=now, keep_last=keep_last)
    pruned.roots = sorted(expired)
    sweep = _Sweep(store, pruned, now=now, youngest=now - grace, apply=apply)
    for held in _candidates(store, original, pruned, (roots.PREFIX, "packs/", "segments/")):
        if stop():
            pruned.unfinished = True
            break
        if held.key in expired:
            sweep.root(held)
        elif held.key in reachable:
            pruned.kept_reachable += 1
        elif not held.key.startswith(roots.PREFIX):
            sweep.file(held)
    return pruned


def _candidates(
    store: Store, original: Store | None, pruned: Pruned, prefixes: tuple[str, ...]
) -> Iterator[Held]:
    """Yield the versions that the original does not have, roots before what they reach.

    A replica has its original's version id (Amazon S3 User Guide, "Replicating objects"). The copy
    is listed first: what it has was in the original, so what is missing there by now is gone there
    for good, and never what was written between the two.
    """
    for prefix in prefixes:
        here = list(store.versions(prefix))
        there = (
            {(held.key, held.version_id) for held in original.versions(prefix)}
            if original
            else set()
        )
        for held in here:
            if (held.key, held.version_id) in there:
                pruned.kept_in_original += 1
            else:
                yield held


def _marked(
    store: Store, original: Store | None, pruned: Pruned, *, now: datetime, keep_last: int
) -> tuple[set[str], set[str]]:
    """Keys of the roots that go, and of every file that the others reach."""
    for _ in range(_MARKS):
        before = set(store.keys(roots.PREFIX))
        in_original = _roots_of(original) if original else set[str]()
        found = {key: _root(store, key) for key in before}
        present = set(store.keys("packs/"))
        kept = _kept(store, found, pruned, present, now=now, keep_last=keep_last)
        kept |= before & in_original
        # Listed for as long as a lock holds it, so it has to be whole for as long.
        kept |= {key for key in before - kept if _locked(store, key, now)}
        reachable = _reachable(store, [found[key] for key in sorted(kept)])
        # A run that ended meanwhile has a root that was not read.
        if set(store.keys(roots.PREFIX)) == before and _bases(store, now) & before <= kept:
            pruned.kept_roots = len(kept)
            return before - kept, reachable
    raise ArchiveError("new roots appear faster than they are read: try again")


def _roots_of(original: Store) -> set[str]:
    """Return the keys of its roots. Raises RefusedError where it has none: then its loss, and no
    sweep, is the reason that files are missing there."""
    found = set(original.keys(roots.PREFIX))
    if not found:
        raise RefusedError(
            f"'original' should hold backups, got '{original.name}' without any: nothing is "
            "deleted from its copy"
        )
    return found


def _locked(store: Store, key: str, now: datetime) -> bool:
    """Return whether S3 would refuse to delete a version of the file."""
    locks = [store.locked_until(held) for held in store.versions(key) if not held.marker]
    return any(until is not None and until > now for until in locks)


def _root(store: Store, key: str) -> Root:
    return roots.decode(store.get(key), key)


def _kept(
    store: Store,
    found: dict[str, Root],
    pruned: Pruned,
    present: set[str],
    *,
    now: datetime,
    keep_last: int,
) -> set[str]:
    bases = _bases(store, now)
    kept = {
        key
        for key, root in found.items()
        if datetime.fromisoformat(root.retain_until) > now or key in bases
    }
    by_volume: dict[str, list[str]] = defaultdict(list)
    for key, root in found.items():
        by_volume[root.volume_id].append(key)
    for volume, keys in by_volume.items():
        newest = sorted(keys, key=lambda key: (found[key].snapshot_started, key), reverse=True)
        good: list[str] = []
        for key in newest:
            if _good(store, found[key], present):
                good.append(key)
                if len(good) == keep_last:
                    break
        kept.update(good or keys)  # where none is good, perhaps one can still be repaired
        if good:
            pruned.newest_good[volume] = good[0]
    return kept


def _bases(store: Store, now: datetime) -> set[str]:
    """Roots that runs which may still end build on."""
    leases = [Lease.decode(store.get(key), key) for key in store.keys(lease.PREFIX)]
    return {one.base for one in leases if one.base is not None and one.holds(now)}


def _good(store: Store, root: Root, present: set[str]) -> bool:
    """Return whether the root's segments are whole and every pack exists."""
    try:
        return all(
            present.issuperset(pack_key(pack) for pack in segment.packs())
            for segment in _segments(store, root, range(len(root.segments)))
        )
    except ArchiveError:
        return False


def _reachable(store: Store, kept: list[Root]) -> set[str]:
    """Keys of all that these roots need. Raises ArchiveError where a segment cannot be read."""
    reachable: set[str] = set()
    for root in kept:
        keys = {
            index: segment_key(bytes.fromhex(name))
            for index, name in enumerate(root.segments)
            if name is not None
        }
        unread = [index for index, key in keys.items() if key not in reachable]
        reachable.update(keys.values())
        for segment in _segments(store, root, unread):
            reachable.update(pack_key(pack) for pack in segment.packs())
    return reachable


def _segments(store: Store, root: Root, indexes: Iterable[int]) -> Iterator[Segment]:
    with ThreadPoolExecutor(_READERS) as pool:
        yield from ahead(pool, lambda index: load_segment(store, root, index), indexes, _READERS)


class _Sweep:
    """Deletes, or counts what it would delete."""

    def __init__(
        self, store: Store, pruned: Pruned, *, now: datetime, youngest: datetime, apply: bool
    ) -> None:
        self._store, self._pruned = store, pruned
        self._now, self._youngest, self._apply = now, youngest, apply

    def root(self, held: Held) -> None:
        """A root that has expired."""
        self._delete(held)

    def file(self, held: Held) -> None:
        """A pack or segment that no root reaches."""
        if held.modified > self._youngest:
            self._pruned.kept_young += 1
        else:
            self._delete(held)

    def _delete(self, held: Held) -> None:
        if self._apply:
            gone = self._store.sweep(held, self._now)
        else:
            until = None if held.marker else self._store.locked_until(held)
            gone = until is None or until <= self._now
        if gone:
            self._pruned.swept += 1
            self._pruned.swept_bytes += held.size
        else:
            self._pruned.kept_locked += 1

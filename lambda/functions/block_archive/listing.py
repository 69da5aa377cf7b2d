"""Lists what a work item has to fetch: its own part of a listing, however it is paged."""

from __future__ import annotations

from collections.abc import Callable

from functions.archive_format.geometry import BLOCK_SIZE, SEGMENT_SLOTS
from functions.block_archive.errors import ArchiveError, MissingError, TokenError, UnrelatedError
from functions.block_archive.job import Job
from functions.block_archive.reliable import ReliableBlocks
from functions.block_archive.source import BlockPage, Listed

_PAGE = 10_000  # most that a page holds (ListSnapshotBlocks, MaxResults)
_PAGES_WITHOUT_PROGRESS = 100  # empty pages in a row before a listing is given up


def changes(blocks: ReliableBlocks, job: Job, segments: range) -> tuple[list[Listed], bool]:
    """Blocks of these segments, and whether they are relative to the base.

    Without a base, or where EBS cannot compare with it any more, they are all allocated blocks.
    """
    first, last = segments.start * SEGMENT_SLOTS, min(segments.stop * SEGMENT_SLOTS, job.slots)
    name, base = job.snapshot.snapshot_id, job.base_snapshot_id
    if base is not None:
        try:
            found = _all(
                lambda at, token: blocks.list_changed(base, name, at, _size(last - at), token),
                first,
                last,
            )
        except (MissingError, UnrelatedError):
            pass  # the base's snapshot is gone or archived; hashes show what changed
        else:
            return found, True
    try:
        every = _all(
            lambda at, token: blocks.list_blocks(name, at, _size(last - at), token), first, last
        )
    except (MissingError, UnrelatedError) as error:
        raise ArchiveError(
            f"'snapshot' should be completed, in the standard tier and of this account and "
            f"Region, got '{name}': {error}"
        ) from error
    return every, False


def _size(blocks: int) -> int:
    return max(100, min(_PAGE, blocks))


def _all(page_at: Callable[[int, str | None], BlockPage], first: int, last: int) -> list[Listed]:
    found: list[Listed] = []
    at, token, silent = first, None, 0
    while at < last:
        try:
            page = page_at(at, token)
        except TokenError:  # an hour has passed since the page before
            if token is None:
                raise
            token = None
            continue
        if page.block_size != BLOCK_SIZE:
            raise ArchiveError(
                f"a block should have {BLOCK_SIZE} bytes, EBS says {page.block_size}"
            )
        for block in page.blocks:
            if block.index < at:
                raise ArchiveError(f"the listing returns to block {block.index} after {at}")
            at = block.index + 1
            if block.index < last:
                found.append(block)
        silent = 0 if page.blocks else silent + 1
        token = page.next_token
        if token is None:
            break
        if silent == _PAGES_WITHOUT_PROGRESS:
            raise ArchiveError(f"the listing gives {silent} empty pages in a row at block {at}")
    return found

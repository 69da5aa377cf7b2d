"""A comparison as a person reads it, by shape, and as a file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from migration.comparison import ChainComparison, ChainDifference

_EXAMPLES = 3  # of each kind; the file has all
_WIDTH = 96  # characters of an example


def text(comparison: ChainComparison) -> str:
    """Return the report: differences that are not listed first, then those that are, by shape."""
    return "\n".join(_lines(comparison))


def _lines(comparison: ChainComparison) -> Iterator[str]:
    unlisted = _by_kind(comparison.unlisted)
    for kind, differences in unlisted.items():
        yield f"UNLISTED  {_heading(kind, differences)}"
        for each in differences[:_EXAMPLES]:
            yield f"          {each.request.name[:_WIDTH]}"
            yield f"            legacy  {each.legacy}"
            yield f"            new     {each.new}"
    listed = _by_kind([each for each in comparison.differences if each.accepted is not None])
    for kind, differences in listed.items():
        yield f"accepted  {_heading(kind, differences)}"
    if comparison.unsteady:
        names = ", ".join(each.name[:40] for each in comparison.unsteady[:_EXAMPLES])
        count = len(comparison.unsteady)
        yield f"unsteady  {count} that the legacy chain answers in two ways: {names}"
    differ, new = len(comparison.differences), len(comparison.unlisted)
    yield (
        f"{comparison.requests:,} requests: {comparison.requests - differ:,} alike, "
        f"{differ - new:,} differ as accepted, {new:,} differ unlisted"
    )


def _by_kind(
    differences: Sequence[ChainDifference],
) -> dict[tuple[str, str, str], list[ChainDifference]]:
    """Return the most frequent in the log first, then by name."""
    found = defaultdict(list)
    for each in differences:
        found[each.kind].append(each)
    return dict(sorted(found.items(), key=lambda item: (-_times(item[1]), item[0])))


def _heading(kind: tuple[str, str, str], differences: Sequence[ChainDifference]) -> str:
    shape, legacy, new = kind
    targets = f"{len(differences)} kinds of request" if len(differences) > 1 else "1 request"
    return f"{shape}: {legacy} -> {new}  ({targets}, {_times(differences):,} in all)"


def _times(differences: Sequence[ChainDifference]) -> int:
    return sum(each.request.times for each in differences)


def as_json(comparison: ChainComparison) -> dict[str, Any]:
    """Everything that differs, for a program."""
    return {
        "requests": comparison.requests,
        "unsteady": [each.name for each in comparison.unsteady],
        "differences": [
            {
                "request": each.request.name,
                "times": each.request.times,
                "shape": each.kind[0],
                "legacy": each.kind[1],
                "new": each.kind[2],
                "legacy_outcome": str(each.legacy),
                "new_outcome": str(each.new),
                "accepted": each.accepted.reason if each.accepted else None,
            }
            for each in comparison.differences
        ],
    }

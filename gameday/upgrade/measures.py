"""Figures from the attempts: counts, times, each second, and how long writers were refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gameday.upgrade.attempts import KINDS, OK, OUTCOMES, REFUSED, Attempt


@dataclass(frozen=True, kw_only=True)
class Blocked:
    """When clients could not write, in seconds since 1970.

    Writers knew it from `refused` to `refused_last`. Nobody knows what became of a write between
    two of theirs, so the window is counted from the last one that was acknowledged before the first
    refusal was asked for, to the first that was acknowledged after the last refusal.
    """

    refusals: int
    acknowledged: float  # last, before
    refused: float  # asked for first
    refused_last: float
    acknowledged_again: float

    @property
    def seconds(self) -> float:
        return self.acknowledged_again - self.acknowledged


def blocked(attempts: Iterable[Attempt]) -> Blocked | None:
    """None where nothing was refused. A window that did not end ends never (infinity)."""
    writes = [each for each in attempts if each.kind == "write"]
    refusals = [each for each in writes if each.outcome == REFUSED]
    if not refusals:
        return None
    first = min(each.due + each.late for each in refusals)
    last = max(each.ended for each in refusals)
    answered = sorted(each.ended for each in writes if each.outcome == OK)
    return Blocked(
        refusals=len(refusals),
        acknowledged=max((at for at in answered if at <= first), default=first),
        refused=first,
        refused_last=last,
        acknowledged_again=min((at for at in answered if at >= last), default=float("inf")),
    )


def counted(attempts: Iterable[Attempt]) -> dict[str, dict[str, int]]:
    """By kind and outcome; every kind and every outcome is there."""
    found: Counter[tuple[str, str]] = Counter((each.kind, each.outcome) for each in attempts)
    return {kind: {outcome: found[kind, outcome] for outcome in OUTCOMES} for kind in KINDS}


def per_second(attempts: Iterable[Attempt], *, since: float) -> dict[str, dict[str, list[int]]]:
    """By kind and outcome: answers in each second from `since` on."""
    attempts = [each for each in attempts if each.ended >= since]
    length = max((int(each.ended - since) + 1 for each in attempts), default=0)
    series = {kind: {outcome: [0] * length for outcome in OUTCOMES} for kind in KINDS}
    for each in attempts:
        series[each.kind][each.outcome][int(each.ended - since)] += 1
    return series


def times(attempts: Iterable[Attempt]) -> dict[str, dict[str, float]]:
    """By kind: seconds from when an attempt was due to its answer, of those that were answered."""
    found: dict[str, list[float]] = {}
    for each in attempts:
        if each.outcome == OK:
            found.setdefault(each.kind, []).append(each.took)
    return {
        kind: {
            "median": round(_at(sorted(took), 0.5), 3),
            "p99": round(_at(sorted(took), 0.99), 3),
            "longest": max(took),
        }
        for kind, took in found.items()
    }


def failures(attempts: Iterable[Attempt], *, most: int = 20) -> list[dict[str, Any]]:
    """Return the first measures that failed, for a person."""
    failed = (each for each in attempts if each.outcome not in (OK, REFUSED))
    return [
        {"kind": each.kind, "id": each.id, "due": each.due, "status": each.status, "why": each.why}
        for each, _ in zip(failed, range(most), strict=False)
    ]


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

"""What is known of a shift, and what a window of the log adds to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from .accepted import Accepted
from .counting import LEGACY, NEW, Cell, Window
from .sequential import (
    NONE,
    Evidence,
    gathered,
    limit,
    requests_to_detect,
    strength,
)

SHIFTING, HELD, RETURNED, DONE = "shifting", "held", "returned", "done"


@dataclass(frozen=True, kw_only=True)
class ShiftPlan:
    """How a shift proceeds. Raises ValueError with the argument, its range and its value."""

    steps: tuple[int, ...] = (1, 5, 10, 25, 50, 100)  # percent of the new chain
    # Of calling two equal chains different, once in the whole shift, over all cells and looks.
    alpha: float = 0.005
    # Least time at each step: below a quarter of the traffic an hour shows what is gross; from
    # there on a step sees one daily peak; at 100 % the legacy chain stays warm a business week.
    bake: tuple[timedelta, ...] = (
        *(timedelta(hours=1),) * 3,
        *(timedelta(days=1),) * 2,
        timedelta(days=7),
    )
    # A rise of errors that no step may miss, from `rate` of a kind's requests by `ratio`: each step
    # lasts for as many requests, of both chains together, as show it nine times in ten.
    rate: float = 0.002
    ratio: float = 5.0
    # A new weight has reached every node of a load balancer; what is logged before counts nowhere.
    settle: timedelta = timedelta(minutes=1)

    def __post_init__(self) -> None:
        rising = all(low < high for low, high in zip(self.steps, self.steps[1:], strict=False))
        if not rising or not self.steps or self.steps[0] < 1 or self.steps[-1] != 100:
            raise ValueError(f"'steps' should rise from 1 or more to 100 percent, got {self.steps}")
        if len(self.bake) != len(self.steps):
            raise ValueError(
                f"'bake' should have a value for each of {len(self.steps)} steps, "
                f"got {len(self.bake)}"
            )
        if not 0 < self.alpha < 1:
            raise ValueError(f"'alpha' should be above 0 and below 1, got {self.alpha}")

    def requests(self, step: int) -> int:
        """Least requests at a step; 0 at the last, which has nothing left to compare with."""
        share = self.steps[step] / 100
        if share == 1:
            return 0
        return requests_to_detect(share=share, rate=self.rate, ratio=self.ratio, alpha=self.alpha)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One cell since the shift began: the how-manieth to appear, and the evidence against it."""

    rank: int
    evidence: Evidence


@dataclass(frozen=True, kw_only=True)
class Shift:
    """The whole memory of a shift; made anew from it, the next step is the same."""

    state: str
    step: int  # index into the plan's steps
    since: datetime  # when this step began
    counted_until: datetime  # the log is counted up to here, and not beyond
    reason: str
    requests: int = 0  # of both chains, in this step
    cells: Mapping[Cell, Seen] = field(default_factory=dict)
    # (route, status) -> answers of the legacy and of the new chain since the shift began
    statuses: Mapping[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    version: int = 0  # grows by one with each write

    def weight(self, plan: ShiftPlan) -> int:
        """Percent of the traffic that the new chain should get now."""
        return 0 if self.state == RETURNED else plan.steps[self.step]


def begun(now: datetime, reason: str) -> Shift:
    """Return a shift at its first step; nothing that was logged before counts."""
    return Shift(state=SHIFTING, step=0, since=now, counted_until=now, reason=reason)


def counted(shift: Shift, window: Window, accepted: Accepted, until: datetime) -> Shift:
    """Return the shift with one more window of the log, up to `until`.

    Answers in an accepted cell gather no evidence: what the new chain does there on purpose was
    decided by a person and stands in the list with its reason.
    """
    cells = dict(shift.cells)
    for cell, answers, of_new, share in window.cells():
        if accepted.covers(cell):
            continue
        seen = cells.get(cell) or Seen(rank=len(cells) + 1, evidence=NONE)
        evidence = gathered(seen.evidence, answers=answers, of_new=of_new, share=share)
        cells[cell] = replace(seen, evidence=evidence)
    statuses = dict(shift.statuses)
    for (chain, route, status), count in window.statuses.items():
        legacy, new = statuses.get((route, status), (0, 0))
        more = (legacy + count, new) if chain == LEGACY else (legacy, new + count)
        statuses[route, status] = more
    return replace(
        shift,
        cells=cells,
        statuses=statuses,
        requests=shift.requests + window.of(LEGACY) + window.of(NEW),
        counted_until=until,
    )


def findings(shift: Shift, plan: ShiftPlan) -> list[tuple[Cell, float]]:
    """Return the cells that the new chain answers more often than the legacy one, strongest
    first.
    """
    over = {
        cell: strength(seen.evidence)
        for cell, seen in shift.cells.items()
        if strength(seen.evidence) >= limit(seen.rank, plan.alpha)
    }
    return sorted(over.items(), key=lambda item: -item[1])


def news(shift: Shift) -> list[tuple[str, str]]:
    """(route, status) pairs that the new chain has answered and the legacy one never yet."""
    return sorted(pair for pair, (legacy, new) in shift.statuses.items() if new > 0 and legacy == 0)

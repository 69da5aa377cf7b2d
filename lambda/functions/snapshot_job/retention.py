"""Which backups of a series are kept: grandfather, father, son. Pure functions of time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, fields
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Says how many hours, days, ISO weeks and months keep their first backup, from the newest on.

    Only hours, days, weeks and months that have a backup count: a job that stands still for a
    month has nothing expire meanwhile. Raises ValueError for a negative number, or if all are 0.
    """

    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0

    def __post_init__(self) -> None:
        counts = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, count in counts.items():
            if count < 0:
                raise ValueError(f"'{name}' should be at least 0, got {count}")
        if not any(counts.values()):
            raise ValueError("one of 'hourly', 'daily', 'weekly', 'monthly' should be above 0")


_PERIODS: dict[str, Callable[[datetime], Hashable]] = {
    "hourly": lambda at: (at.date(), at.hour),
    "daily": lambda at: at.date(),
    "weekly": lambda at: at.isocalendar()[:2],
    "monthly": lambda at: (at.year, at.month),
}


def wanted(policy: Policy, times: Iterable[datetime]) -> set[datetime]:
    """The first of each of the last so many periods. Times are in UTC.

    The first and not the last: it stays the one that is kept while its period goes on, so what
    has been copied away is never replaced by a later one.
    """
    ascending = sorted(set(times))
    keep: set[datetime] = set()
    for name, period in _PERIODS.items():
        count = getattr(policy, name)
        firsts: dict[Hashable, datetime] = {}
        for at in ascending:
            firsts.setdefault(period(at), at)
        if count:
            keep.update(list(firsts.values())[-count:])
    return keep


def kept(policy: Policy, times: Iterable[datetime]) -> set[datetime]:
    """Return the times to keep, always with the newest; none where there are none."""
    known = set(times)
    return wanted(policy, known) | ({max(known)} if known else set())

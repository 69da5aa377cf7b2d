"""The access log of the load balancer as counts: who answered what to which kind of request."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from urllib.parse import unquote

from .shapes import shape_of

LEGACY, NEW = "legacy", "new"
FAILED = "5"  # the class of answers that say the server failed
OTHER_ROUTE = "other"
UNUSUAL = "unusual"  # any method that is none of METHODS
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# Fields 2, 9, 13 and 17 of an entry (Elastic Load Balancing, Application Load Balancers, "Access
# log entries"). Within quotation marks the balancer escapes them.
_ENTRY = re.compile(
    r'^\S+ (?P<time>\S+) (?:\S+ ){6}(?P<status>\S+) (?:\S+ ){3}"(?P<method>\S+) '
    r'(?P<url>(?:[^"\\]|\\.)*?)(?: HTTP/[\d.]+| -)? ?" "(?:[^"\\]|\\.)*" \S+ \S+ (?P<group>\S+) '
)


class Kind(NamedTuple):
    """Requests that should fare alike: one route, one method, one shape of the target."""

    route: str
    method: str
    shape: str


class Cell(NamedTuple):
    """One class of answers to one kind of request; the class is the status' first digit."""

    kind: Kind
    status_class: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answered request of the log."""

    chain: str  # LEGACY or NEW
    kind: Kind
    status: str  # three digits
    time: datetime


class Window:
    """What was answered in one stretch of the log, by chain, kind and status."""

    def __init__(self, answers: Iterable[Answer] = ()) -> None:
        self._answers = Counter((each.chain, each.kind, each.status) for each in answers)
        self.requests: Counter[tuple[str, Kind]] = Counter()
        self._cells: Counter[tuple[str, Cell]] = Counter()
        self.statuses: Counter[tuple[str, str, str]] = Counter()  # chain, route, status
        for (chain, kind, status), count in self._answers.items():
            self.requests[chain, kind] += count
            self._cells[chain, Cell(kind, status[0])] += count
            self.statuses[chain, kind.route, status] += count

    def of(self, chain: str) -> int:
        """Return all answers of one chain."""
        return sum(count for (one, _), count in self.requests.items() if one == chain)

    def cells(self) -> Iterator[tuple[Cell, int, int, float]]:
        """In a fixed order: the cell, its answers, those of the new chain, the share served.

        The share is the new chain's part, 0 to 1, of the requests among which the cell's answers
        would fall evenly if the chains were alike: for failures all requests of the kind, for
        every other class those that did not fail. Else a legacy chain that fails would make the
        new one, which answers, look like one that lets through what was refused.
        """
        for cell in sorted({cell for _, cell in self._cells}):
            new, answers = (
                self._cells[NEW, cell],
                self._cells[NEW, cell] + self._cells[LEGACY, cell],
            )
            served = {
                chain: self.requests[chain, cell.kind]
                - (
                    0
                    if cell.status_class == FAILED
                    else self._cells[chain, Cell(cell.kind, FAILED)]
                )
                for chain in (LEGACY, NEW)
            }
            yield cell, answers, new, served[NEW] / (served[NEW] + served[LEGACY])


def answers_of(
    lines: Iterable[str], *, groups: Mapping[str, str], routes: Sequence[str]
) -> Iterator[Answer]:
    """Yield the answered requests of log lines; `groups` is target group ARN -> chain.

    Entries of other target groups, of no target group, and of connections that never became a
    request (status "-") are left out: neither chain saw them.
    """
    for line in lines:
        entry = _ENTRY.match(line)
        if entry is None or entry["group"] not in groups or not entry["status"].isdigit():
            continue
        url = entry["url"]
        method = entry["method"] if entry["method"] in METHODS else UNUSUAL
        yield Answer(
            chain=groups[entry["group"]],
            kind=Kind(route_of(url, routes), method, shape_of(url)),
            status=entry["status"],
            time=datetime.fromisoformat(entry["time"]),
        )


def route_of(url: str, routes: Sequence[str]) -> str:
    """Return the longest of `routes` that begins the path, read leniently, or "other".

    A route is matched by whole segments: "/login" is not the route of "/logins".
    """
    path = re.sub(r"^[a-z]+://[^/?#]*", "", url, flags=re.IGNORECASE)
    path = re.sub("/{2,}", "/", "/" + unquote(re.split(r"[?#]|%3[fF]", path)[0]))
    fitting = [route for route in routes if path == route or path.startswith(f"{route}/")]
    return max(fitting, key=len, default=OTHER_ROUTE)

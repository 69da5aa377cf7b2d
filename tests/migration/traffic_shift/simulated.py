"""Traffic as a load balancer divides it, and answers as two chains give them, by seeded chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from math import log
from random import Random

from migration.traffic_shift.counting import LEGACY, NEW, Answer, Kind, Window

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def successes(chance: Random, trials: int, rate: float) -> int:
    """How many of so many trials succeed, in time that grows with the successes alone."""
    if rate <= 0 or trials <= 0:
        return 0
    if rate >= 1:
        return trials
    if rate > 0.5:
        return trials - successes(chance, trials, 1 - rate)
    found, at, step = 0, 0, log(1 - rate)
    while True:
        at += int(log(1.0 - chance.random()) / step) + 1
        if at > trials:
            return found
        found += 1


def of_new(chance: Random, *, answers: int, served: int, requests: int) -> int:
    """Return how many of `answers` fall to the new chain's `served` where all fare alike."""
    found = 0
    for drawn in range(answers):
        found += chance.random() * (requests - drawn) < served - found
    return found


def window(
    chance: Random,
    *,
    requests: int,
    percent: int,
    rates: Mapping[Kind, tuple[float, float]],
    shares: Mapping[Kind, float],
) -> Window:
    """A window of so many requests, divided by kind (`shares`) and by weight (`percent`).

    `rates` are the parts of a kind's requests that the legacy chain and the new one fail (500).
    """
    return Window(_answers(chance, requests, percent, rates, shares))


def _answers(
    chance: Random,
    requests: int,
    percent: int,
    rates: Mapping[Kind, tuple[float, float]],
    shares: Mapping[Kind, float],
) -> Iterator[Answer]:
    for kind, share in shares.items():
        of_kind = successes(chance, requests, share)
        to_new = successes(chance, of_kind, percent / 100)
        for chain, served, rate in (
            (LEGACY, of_kind - to_new, rates[kind][0]),
            (NEW, to_new, rates[kind][1]),
        ):
            failed = successes(chance, served, rate)
            for status, count in (("500", failed), ("200", served - failed)):
                answer = Answer(chain=chain, kind=kind, status=status, time=NOON)
                yield from (answer,) * count

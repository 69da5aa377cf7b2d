"""When requests come: at random moments that nobody's answers change (open loop)."""

from __future__ import annotations

import random
from collections.abc import Iterator


def arrivals(rate: float, *, seed: str) -> Iterator[float]:
    """Seconds from the start, without an end: a Poisson process of `rate` a second.

    The same seed gives the same moments. A rate of 0 gives none.
    """
    if rate < 0:
        raise ValueError(f"'rate' should be 0 or more a second, got {rate}")
    chance, at = random.Random(seed), 0.0
    while rate:
        at += chance.expovariate(rate)
        yield at

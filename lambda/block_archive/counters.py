"""What a run did: requests, bytes and money."""

from __future__ import annotations

import threading
from collections import Counter

# US dollars per call (Amazon EBS pricing, EBS direct APIs, us-east-1): List 0.0006 per 1,000
# requests, Get 0.003 per 1,000 blocks, Put 0.006 per 1,000 blocks.
PRICES = {"list_requests": 0.6e-6, "get_requests": 3e-6, "put_block_requests": 6e-6}


class Counters:
    """Counts by name, from many threads."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, name: str, number: int = 1) -> None:
        """Count."""
        with self._lock:
            self._counts[name] += number

    def __getitem__(self, name: str) -> int:
        return self._counts[name]

    def all(self) -> dict[str, int]:
        """Every count, by name."""
        with self._lock:
            return dict(sorted(self._counts.items()))

    def dollars(self) -> float:
        """Price of the EBS direct calls so far."""
        return round(sum(self._counts[name] * price for name, price in PRICES.items()), 6)

"""Counts what a run did: requests, bytes and US dollars."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

# US dollars per request in us-east-1. Amazon EBS pricing, EBS direct APIs: List 0.0006 per 1,000
# requests, Get 0.003 and Put 0.006 per 1,000 blocks. Amazon S3 pricing, Standard: PUT and LIST
# 0.005, GET and all others 0.0004 per 1,000.
PRICES = {
    "list_requests": 0.6e-6,
    "get_requests": 3e-6,
    "put_block_requests": 6e-6,
    "s3_put_requests": 5e-6,
    "s3_list_requests": 5e-6,
    "s3_get_requests": 0.4e-6,
    "s3_head_requests": 0.4e-6,
    "s3_retention_requests": 5e-6,
}


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
        """Return every count, by name."""
        with self._lock:
            return dict(sorted(self._counts.items()))

    def since(self, before: Mapping[str, int]) -> dict[str, int]:
        """Return what was counted since `all` returned `before`."""
        counts = {name: count - before.get(name, 0) for name, count in self.all().items()}
        return {name: count for name, count in counts.items() if count}


def dollars(counts: Mapping[str, int]) -> float:
    """Price of these requests, without storage and transfer."""
    return round(sum(counts.get(name, 0) * price for name, price in PRICES.items()), 6)


def total(many: list[dict[str, int]]) -> dict[str, int]:
    """The sum of counts by name."""
    found: Counter[str] = Counter()
    for counts in many:
        found.update(counts)
    return dict(sorted(found.items()))

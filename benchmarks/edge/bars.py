"""The bars of the edge, whatever the machine: ratios within one run, and probes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

CPU_OVER_BARE_MAX = 1.25
OVER_BARE_SPREAD_MAX = 0.05  # between the highest and the lowest of repeated runs
LEGACY_OVER_EDGE_MIN = 3.0
LITTLES_LAW_MIN = 0.9


def bars(result: Mapping[str, Any]) -> Iterator[tuple[bool, str]]:
    """Yield each bar: whether it is met, and the sentence with the figure."""
    cpu = {name: each["cpu_us"] for name, each in result["cpu"].items()}
    over = result["over_bare"]["ratio"]
    yield (
        over <= CPU_OVER_BARE_MAX,
        f"CPU per request, its log included: {over:.2f} x bare proxy_pass without one, "
        f"at most {CPU_OVER_BARE_MAX}",
    )
    under = cpu["legacy event"] / cpu["edge"]
    yield (
        under >= LEGACY_OVER_EDGE_MIN,
        f"CPU per request: legacy event {under:.1f} x the edge, at least {LEGACY_OVER_EDGE_MIN}",
    )
    flood, worker = result["in_flight"]["edge"], result["in_flight"]["legacy worker"]
    yield (
        flood["of_littles_law"] >= LITTLES_LAW_MIN,
        f"1,000 in flight: {flood['of_littles_law']:.0%} of Little's law, "
        f"at least {LITTLES_LAW_MIN:.0%}",
    )
    yield (
        flood["answered"] == flood["probes"] and worker["answered"] == 0,
        f"1,000 in flight: {flood['answered']} of {flood['probes']} probes answered, all; "
        f"legacy worker {worker['answered']}, none",
    )
    slow = result["slow_heads"]["edge"]
    yield (
        slow["answered"] == slow["probes"],
        f"1,000 slow heads: {slow['answered']} of {slow['probes']} probes answered, all",
    )


def repeated(ratios: Sequence[float]) -> Iterator[tuple[bool, str]]:
    """Yield the bars of the edge over the bare proxy, measured several times from the start."""
    high, low = max(ratios), min(ratios)
    yield (
        high <= CPU_OVER_BARE_MAX,
        f"highest of {len(ratios)} runs: {high:.3f} x bare proxy_pass, at most {CPU_OVER_BARE_MAX}",
    )
    yield (
        high / low - 1 <= OVER_BARE_SPREAD_MAX,
        f"highest over lowest: {high / low - 1:.1%} more, at most {OVER_BARE_SPREAD_MAX:.0%}",
    )

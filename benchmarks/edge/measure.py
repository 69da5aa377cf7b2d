"""Measures a chain: CPU, log, floods, and how many servers that makes."""

from __future__ import annotations

import asyncio
import http.client
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from math import ceil
from typing import Any

from benchmarks.edge import load
from benchmarks.edge.processes import cpu_seconds, nanoseconds
from benchmarks.edge.upstream import SLOW_SECONDS
from local.waiting import wait_until
from migration.chains import WORKERS, Chain

CONNECTIONS = 50
ROUND_SECONDS = 3
FLOOD = 1_000  # requests in flight, idle connections, slow heads
FLOOD_SECONDS = 8
# What servers are counted for: production's edge at the load that its scaling aims at, four tasks
# of 5,000 requests a second (config/environments.py), each a vCPU at half load.
PEAK_PER_SECOND = 20_000
CPU_SHARE = 0.5
_LOGGED = 1_000  # requests


def cpu_microseconds(chain: Chain) -> dict[str, float]:
    """CPU of the chain alone per request, and its rate, under CONNECTIONS kept connections."""
    load.wrk(chain, connections=CONNECTIONS, seconds=1)  # workers, connections and caches are warm
    before = cpu_seconds(chain.pids)
    done = load.wrk(chain, connections=CONNECTIONS, seconds=ROUND_SECONDS)
    spent = cpu_seconds(chain.pids) - before
    if done.errors > done.requests / 100:  # Apache drops a kept connection when a child goes
        raise ValueError(f"'{chain.name}' failed {done.errors} of {done.requests} requests")
    return {"cpu_us": 1e6 * spent / done.requests, "per_second": done.per_second}


def over(chain: Chain, yardstick: Chain, *, pairs: int) -> dict[str, Any]:
    """Return how much more CPU a request costs in `chain` than in `yardstick`: the middle of pairs.

    Both are nginx, run at once, and take turns second by second. What the machine's other guests do
    to a figure (20 % and more from one minute to the next) they do to both halves of a pair, and
    which half comes first changes from pair to pair. `within` is where half of the pairs lie.
    """
    ratios = []
    for number in range(-1, pairs):  # one pair for connections and caches to be warm
        order = (chain, yardstick) if number % 2 else (yardstick, chain)
        cost = {each.name: _nanoseconds_per_request(each) for each in order}
        if number >= 0:
            ratios.append(cost[chain.name] / cost[yardstick.name])
    low, middle, high = statistics.quantiles(ratios, n=4)
    return {"ratio": round(middle, 3), "within": [round(low, 3), round(high, 3)], "pairs": pairs}


def _nanoseconds_per_request(chain: Chain) -> float:
    [pid] = chain.pids
    before = nanoseconds(pid)
    done = load.wrk(chain, connections=CONNECTIONS, seconds=1)
    return (nanoseconds(pid) - before) / done.requests


def medians(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the median of each figure; rounds of all chains alternate, as noise does."""
    return {name: round(statistics.median(each[name] for each in rounds), 1) for name in rounds[0]}


def log_bytes(chain: Chain) -> int:
    """Return the bytes that the chain's servers log of a thousand requests of one browser."""
    before = sum(log.stat().st_size for log in chain.logs)
    connection = http.client.HTTPConnection(*chain.address, timeout=10)
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36"
    headers = {"Host": load.HOST, "User-Agent": agent, "Referer": f"https://{load.HOST}/login"}
    for number in range(_LOGGED):
        connection.request("GET", f"{load.FAST}?limit=20&after=00u{number:05}", headers=headers)
        connection.getresponse().read()
    connection.close()

    def lines() -> int:
        return min(log.read_bytes().count(b"\n") for log in chain.logs)

    wanted = lines()
    # The edge writes once a second.
    wait_until(lambda: lines() >= max(_LOGGED, wanted), f"{_LOGGED} lines of {chain.name}'s log")
    return sum(log.stat().st_size for log in chain.logs) - before


async def in_flight(chain: Chain) -> dict[str, Any]:
    """FLOOD requests at once to an app that takes SLOW_SECONDS, and probes among them."""
    async with load.flood_of_requests(chain, FLOOD, FLOOD_SECONDS) as ended:
        await asyncio.sleep(2)  # the flood is in flight, and goes on for FLOOD_SECONDS
        answered = await load.probes(chain)
    summary, _ = await ended
    done = load.parsed(summary.decode())
    limit = FLOOD / SLOW_SECONDS
    return {
        **asdict(done),
        "of_littles_law": round(done.per_second / limit, 3),
        **_probed(answered),
    }


async def idle(chain: Chain) -> dict[str, Any]:
    """FLOOD connections that have asked once and are kept, and probes among them."""
    async with load.held(chain, FLOOD, head=load.idle_head(), whole=True) as answered:
        probed = _probed(await load.probes(chain))
        return {"served": answered.count(200), **probed}


async def slow_heads(chain: Chain) -> dict[str, Any]:
    """FLOOD connections whose heads never end, and probes among them."""
    async with load.held(chain, FLOOD, head=load.slow_head(), whole=False):
        return _probed(await load.probes(chain))


def _probed(answered: list[float]) -> dict[str, Any]:
    middle = round(1_000 * statistics.median(answered), 1) if answered else None
    return {"probes": load.PROBES, "answered": len(answered), "median_ms": middle}


def servers(cpu_us: float, *, at_once: int) -> dict[str, int]:
    """Servers of one vCPU for PEAK_PER_SECOND, by CPU at half load and by requests in flight.

    In flight is what Little's law makes of the peak when the app takes SLOW_SECONDS; `at_once` is
    what one server takes on.
    """
    by_cpu = ceil(PEAK_PER_SECOND * cpu_us / 1e6 / CPU_SHARE)
    by_flight = ceil(PEAK_PER_SECOND * SLOW_SECONDS / at_once)
    return {"by_cpu": by_cpu, "by_requests_in_flight": by_flight, "needed": max(by_cpu, by_flight)}


# A connection to a client and one to the app for each request, of worker_connections 8192.
EDGE_AT_ONCE = 8_192 // 2
LEGACY_AT_ONCE = WORKERS

"""`make bench-edge`: the edge, the legacy chain in three forms, and a bare proxy, measured."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.edge import measure
from benchmarks.edge.bars import bars, repeated
from benchmarks.edge.plot import FLOODS, svg
from benchmarks.edge.upstream import upstream
from migration import chains
from migration.chains import Chain

OUT = Path("out")
_ROUNDS = 3
_PAIRS = 40  # of the edge and the bare proxy, two seconds each
_FILES = 20_000  # connections of a flood, and a margin

Start = Callable[[Path], AbstractContextManager[Chain]]
EDGE, ALONE = "edge", "upstream alone"
# proxy_pass and nothing else, not even a log; and with the log that nginx writes by default.
BARE, BARE_LOGGED = "bare proxy", "bare proxy, default log"
REWRITE = "legacy event, rewrite"


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every bar is met, 1 when one is not, 2 when nothing could be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.edge")
    help_ = "measure the edge over the bare proxy alone, so many times from the start"
    parser.add_argument("--repeat", type=int, choices=range(2, 21), metavar="2..20", help=help_)
    repeat = parser.parse_args(arguments).repeat
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, _FILES), most))
    try:
        result = over_bare(repeat) if repeat else measured()
    except (OSError, RuntimeError, ValueError) as error:
        print(f"bench-edge: {error}", file=sys.stderr)
        return 2
    verdicts = list(repeated([run["ratio"] for run in result["runs"]]) if repeat else bars(result))
    result["bars"] = [{"met": met, "bar": bar} for met, bar in verdicts]
    OUT.mkdir(exist_ok=True)
    files = [OUT / ("bench-edge-repeated.json" if repeat else "bench-edge.json")]
    files[0].write_text(json.dumps(result, indent=1) + "\n")
    if not repeat:
        files.append(OUT / "bench-edge.svg")
        files[1].write_text(svg(result))
    for met, bar in verdicts:
        print(f"{'met   ' if met else 'MISSED'} {bar}")
    print(f"all figures: {', '.join(map(str, files))}")
    return 0 if all(met for met, _ in verdicts) else 1


def over_bare(times: int) -> dict[str, Any]:
    """Return the edge over the bare proxy, as often as asked, each with servers of its own."""
    result: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), **_machine()}
    result["runs"] = []
    for _ in range(times):
        with tempfile.TemporaryDirectory(prefix="bench-edge-") as folder, ExitStack() as stack:
            app = stack.enter_context(upstream(Path(folder) / "app"))
            starts = _starts(f"127.0.0.1:{app.port}")
            found = _over_bare(Path(folder) / "pairs", starts)
            result["runs"].append({**found, "load_after": os.getloadavg()[0]})
    return result


def measured() -> dict[str, Any]:
    """Return every figure, by chain."""
    result: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), **_machine()}
    with tempfile.TemporaryDirectory(prefix="bench-edge-") as folder, ExitStack() as stack:
        app = stack.enter_context(upstream(Path(folder) / "app"))
        starts = _starts(f"127.0.0.1:{app.port}")
        result["cpu"], result["log_bytes_per_1000"] = _cpu_and_log(Path(folder), app, starts)
        result["over_bare"] = _over_bare(Path(folder) / "pairs", starts)
        for flood in FLOODS:
            result[flood] = {
                name: _flooded(Path(folder) / flood / _tame(name), start, flood)
                for name, start in starts.items()
                if name not in (BARE, BARE_LOGGED, REWRITE)
            }
    result["servers"] = {
        name: measure.servers(
            result["cpu"][name]["cpu_us"],
            at_once=measure.EDGE_AT_ONCE if name == EDGE else measure.LEGACY_AT_ONCE,
        )
        for name in result["in_flight"]
    }
    return result


def _starts(app: str) -> dict[str, Start]:
    """Return how each chain is started; Apache forwards by a mapping, its cheaper way, and once
    by the rule that repaired requests."""
    return {
        EDGE: lambda folder: chains.edge(folder, app),
        BARE: lambda folder: chains.plain_nginx(folder, app, log=False),
        BARE_LOGGED: lambda folder: chains.plain_nginx(folder, app),
        "legacy event": lambda folder: chains.legacy(folder, app, forward="mapping"),
        "legacy worker": lambda folder: chains.legacy(folder, app, mpm="worker", forward="mapping"),
        "legacy prefork": lambda folder: chains.legacy(
            folder, app, mpm="prefork", forward="mapping"
        ),
        REWRITE: lambda folder: chains.legacy(folder, app, forward="rewrite"),
    }


def _cpu_and_log(
    folder: Path, app: Chain, starts: dict[str, Start]
) -> tuple[dict[str, dict[str, float]], dict[str, int]]:
    rounds: dict[str, list[dict[str, float]]] = {}
    logged: dict[str, int] = {}
    for number in range(_ROUNDS):
        for name, start in starts.items():
            with start(folder / f"cpu{number}" / _tame(name)) as chain:
                if number == 0 and name not in (BARE, BARE_LOGGED):
                    logged[name] = measure.log_bytes(chain)
                figures = measure.cpu_microseconds(chain)
            rounds.setdefault(name, []).append(figures)
            print(f"round {number + 1}  {name:24} {figures['cpu_us']:7.1f} us", flush=True)
        rounds.setdefault(ALONE, []).append(measure.cpu_microseconds(app))
    return {name: measure.medians(each) for name, each in rounds.items()}, logged


def _over_bare(folder: Path, starts: dict[str, Start]) -> dict[str, Any]:
    with starts[EDGE](folder / EDGE) as edge, starts[BARE](folder / "bare") as bare:
        found = measure.over(edge, bare, pairs=_PAIRS)
    print(f"edge over bare proxy: {found['ratio']:.3f}, half of the pairs in {found['within']}")
    return found


def _flooded(folder: Path, start: Start, flood: str) -> dict[str, Any]:
    with start(folder) as chain:
        found = asyncio.run(getattr(measure, flood)(chain))
    print(f"{flood:11} {chain.name:24} {found['answered']}/{found['probes']} probes", flush=True)
    return found


def _tame(name: str) -> str:
    """As the name of a folder."""
    return name.replace(",", "").replace(" ", "-")


def _machine() -> dict[str, Any]:
    return {
        "cpus": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "machine": platform.platform(),
        "flood": measure.FLOOD,
        "servers_for_requests_per_second": measure.PEAK_PER_SECOND,
    }


if __name__ == "__main__":
    sys.exit(main())

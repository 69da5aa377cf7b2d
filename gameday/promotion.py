"""kill -9 of a loaded master: its own reader takes over, and nothing that was acknowledged is lost.

    make promotion-drill        prints what happened and writes out/promotion.json and .svg

The reader of a cluster of real PostgreSQL servers follows synchronously, which stands in for the
one volume that an Aurora cluster's instances share. Whether the master is lost, and who takes over,
is decided by the shipped operations.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gameday.promotion_load import ClusterEndpoint, PromotionLoad
from gameday.promotion_plot import svg
from local.postgres import SUPERUSER, PostgresServer, PostgresServers
from local.waiting import wait_until
from service.operations import detection, promotion
from service.operations.bootstrap import bootstrap
from service.operations.node import DatabaseNode
from service.operations.operator import Operator

OUT = Path("out/promotion.json")
Log = Callable[[str], None]

_DATABASE = "mainstay"
_MASTER, _READER = "entity-a", "entity-a-reader-1"
# Beyond the budget of detection: the promotion, and the clients' next try.
GRACE_SECONDS = 2.0
# Amazon Aurora User Guide, "High availability for Amazon Aurora", failover to an Aurora Replica:
# what to expect on AWS, where Aurora itself detects and promotes.
AURORA = {
    "documented": "service is typically restored in less than 60 seconds, often in less than 30",
    "source": "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/"
    "Concepts.AuroraHighAvailability.html",
}


@dataclass(frozen=True, kw_only=True)
class PromotionDrill:
    """Clients, and seconds of load before the kill and after the first write on the reader.

    `cut_off_seconds`: for so long before the kill the reader receives nothing. With
    `reader_acknowledges` False the master does not wait for its reader, as no cluster of Aurora's
    can be set up: together they make the drill lose writes, which proves that it would see it.
    """

    writers: int = 24
    readers: int = 8
    before_seconds: float = 5.0
    after_seconds: float = 2.0
    cut_off_seconds: float = 0.0
    reader_acknowledges: bool = True


@dataclass
class _Watch:
    """The detector's findings and their times, of time.monotonic()."""

    detected: float = 0.0
    promoted: float = 0.0
    who: str = ""
    error: Exception | None = None
    stop: threading.Event = field(default_factory=threading.Event)


def drill(plan: PromotionDrill, *, log: Log = print) -> dict[str, Any]:
    """Run it and return the report; TimeoutError where no write succeeds after the kill."""
    budget = detection.detection_budget()
    log(f"detection budget {budget:g} s: {detection.MISSES} tries, each refused or unanswered")
    with PostgresServers(durable=True) as servers:
        master, reader = _cluster(servers, plan)
        nodes = _nodes(master, reader)
        endpoint = ClusterEndpoint(master)
        load = PromotionLoad(endpoint, reader, writers=plan.writers, readers=plan.readers)
        with load, _reported(load, log), _watched(nodes, endpoint, reader) as watch:
            began = time.monotonic()
            time.sleep(plan.before_seconds)  # the drill's own time, nothing is waited for
            if plan.cut_off_seconds:
                _cut_off(reader, master)
                time.sleep(plan.cut_off_seconds)
            killed = time.monotonic()
            master.kill()
            log(f"killed -9 after {load.acknowledged():,} acknowledged writes")
            first = _first_write(load, watch, killed, bound=budget + 60)
            time.sleep(plan.after_seconds)
        lost = load.lost(reader, _DATABASE)
    report = _report(plan, load, watch, killed=killed, first=first, lost=len(lost))
    report["timeline"] = _timeline(load, began=began, killed=killed)
    return report


def _cluster(
    servers: PostgresServers, plan: PromotionDrill
) -> tuple[PostgresServer, PostgresServer]:
    """Return a master after its first start, and its reader, without which nothing is
    acknowledged.
    """
    master = servers.start(_MASTER)
    with Operator(_nodes(master)) as operator:
        bootstrap(operator, "entity")
    reader = servers.standby(_READER, of=master)
    if plan.reader_acknowledges:
        master.configure(
            synchronous_standby_names=f'"{_READER}"', synchronous_commit="remote_apply"
        )
        master.reload()
        master.wait("SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'")
    return master, reader


def _nodes(master: PostgresServer, reader: PostgresServer | None = None) -> dict[str, DatabaseNode]:
    """Both servers as operations know them, led by their superuser: nothing here is RDS's."""
    named = {_MASTER: master} | ({_READER: reader} if reader else {})
    return {
        name: DatabaseNode(
            name=name,
            store="entity" if name == _MASTER else "",
            dsn=server.dsn(_DATABASE, SUPERUSER),
            host="127.0.0.1",
            port=server.port,
            database=_DATABASE,
            replication_password="a password of drills",
            replication_sslmode="disable",
            readers=(_READER,) if reader and name == _MASTER else (),
        )
        for name, server in named.items()
    }


@contextmanager
def _watched(
    nodes: dict[str, DatabaseNode], endpoint: ClusterEndpoint, reader: PostgresServer
) -> Iterator[_Watch]:
    """Ask the master without pause; when it is lost, promote and point the endpoint elsewhere."""
    watch = _Watch()

    def run() -> None:
        try:
            with Operator(nodes) as operator:
                while not detection.is_lost(operator, _MASTER):
                    if watch.stop.wait(detection.INTERVAL_SECONDS):
                        return
                watch.detected = time.monotonic()
                watch.who = promotion.promote_reader(operator, _MASTER)
                watch.promoted = time.monotonic()
                endpoint.server = reader
        except Exception as error:  # handed to the drill, which waits for it
            watch.error = error

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield watch
    finally:
        watch.stop.set()
        thread.join()


@contextmanager
def _reported(load: PromotionLoad, log: Log) -> Iterator[None]:
    """Yield a line each second: what the clients were answered in it."""
    over = threading.Event()

    def run() -> None:
        seconds, before = 0, (0, 0)
        log("second    writes     reads")
        while not over.wait(1.0):
            now = load.acknowledged(), sum(len(seen.answered) for seen in load.reads)
            seconds += 1
            log(f"{seconds:6} {now[0] - before[0]:9,} {now[1] - before[1]:9,}")
            before = now

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _first_write(load: PromotionLoad, watch: _Watch, killed: float, *, bound: float) -> float:
    """Return when the first write on the promoted reader was acknowledged."""

    def first() -> float | None:
        if watch.error is not None:
            raise watch.error
        return load.first_write(after=watch.promoted) if watch.promoted else None

    left = killed + bound - time.monotonic()
    return wait_until(first, f"a write, {bound:g} s after the kill", seconds=left, pause=0.01)


def _cut_off(reader: PostgresServer, master: PostgresServer) -> None:
    """Let the reader look for its master where nobody is."""
    reader.configure(primary_conninfo="host=127.0.0.1 port=1")
    reader.reload()
    master.wait("SELECT count(*) = 0 FROM pg_stat_replication")


def _report(
    plan: PromotionDrill,
    load: PromotionLoad,
    watch: _Watch,
    *,
    killed: float,
    first: float,
    lost: int,
) -> dict[str, Any]:
    budget = detection.detection_budget()
    return {
        "promoted": watch.who,
        "clients": {"writers": plan.writers, "readers": plan.readers},
        "detection_budget_seconds": round(budget, 3),
        "bar_seconds": round(budget + GRACE_SECONDS, 3),
        "detection_seconds": round(watch.detected - killed, 3),
        "promotion_seconds": round(watch.promoted - watch.detected, 3),
        "first_write_seconds": round(first - killed, 3),
        "acknowledged_writes": load.acknowledged(),
        "acknowledged_writes_after": load.acknowledged(after=first),
        "lost_writes": lost,
        "reads_answered": sum(len(seen.answered) for seen in load.reads),
        "read_tries_failed": sum(len(seen.failed) for seen in load.reads),
        "read_gap_seconds": round(load.read_gap(), 3),
        "aurora": AURORA,
    }


def _timeline(load: PromotionLoad, *, began: float, killed: float) -> dict[str, Any]:
    """Writes and reads in each tenth of a second, and when the kill was."""

    def tenths(times: list[float]) -> list[int]:
        places = [int((when - began) * 10) for when in times if when >= began]
        return [places.count(place) for place in range(max(places, default=-1) + 1)]

    return {
        "killed_seconds": round(killed - began, 3),
        "writes": tenths([when for seen in load.writes for when in seen.acknowledged.values()]),
        "reads": tenths([when for seen in load.reads for when in seen.answered]),
    }


def holds(report: dict[str, Any]) -> bool:
    """Return True if writes came back in time, on the reader, and no acknowledged one is lost."""
    return (
        report["promoted"] == _READER
        and report["lost_writes"] == 0
        and report["acknowledged_writes_after"] > 0
        and report["first_write_seconds"] <= report["bar_seconds"]
    )


def _table(report: dict[str, Any]) -> Iterator[str]:
    yield f"detected after        {report['detection_seconds']:8.3f} s"
    yield f"promoted in           {report['promotion_seconds']:8.3f} s  {report['promoted']}"
    yield (
        f"first write after     {report['first_write_seconds']:8.3f} s  "
        f"bar {report['bar_seconds']:g} s; Aurora: {AURORA['documented']}"
    )
    yield (
        f"lost writes           {report['lost_writes']:8}    "
        f"of {report['acknowledged_writes']:,} acknowledged"
    )
    yield (
        f"longest read gap      {report['read_gap_seconds']:8.3f} s  "
        f"{report['read_tries_failed']} tries of {report['reads_answered']:,} reads failed"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m gameday.promotion", description=__doc__)
    parser.add_argument("--writers", type=int, default=PromotionDrill.writers)
    parser.add_argument("--readers", type=int, default=PromotionDrill.readers)
    chosen = parser.parse_args()
    report = drill(PromotionDrill(writers=chosen.writers, readers=chosen.readers))
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(report, indent=2) + "\n")
    OUT.with_suffix(".svg").write_text(svg(report["timeline"]))
    for line in _table(report):
        print(line)
    print(f"{'holds' if holds(report) else 'DOES NOT HOLD'}; {OUT}, {OUT.with_suffix('.svg')}")
    return 0 if holds(report) else 1


if __name__ == "__main__":
    raise SystemExit(main())

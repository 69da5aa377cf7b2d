"""The cloud of the benchmark: the strict fake in a process of its own, which a pipe commands."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.backup import data
from doubles.ebs_direct.cloud import Cloud
from doubles.ebs_direct.faults import Quota
from doubles.ebs_direct.server import serving


class Fake:
    """The other end of the pipe."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.url: str = pipe.recv()

    def ask(self, name: str, *arguments: object) -> Any:
        """One of the functions below, there."""
        self._pipe.send((name, arguments))
        return self._pipe.recv()


@contextmanager
def fake() -> Iterator[Fake]:
    """Yield the process, for as long as the block lasts."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Fake(ours)
    finally:
        ours.close()
        process.join(10)
        if process.is_alive():
            process.kill()


def _serve(pipe: Connection) -> None:
    cloud = Cloud()
    for snapshot in data.benchmark_snapshots():
        cloud.ebs.add(snapshot)
    with serving(cloud) as url:
        pipe.send(url)
        calls = _calls(cloud)
        while True:
            try:
                name, arguments = pipe.recv()
            except EOFError:
                return
            pipe.send(calls[name](*arguments))


def _calls(cloud: Cloud) -> dict[str, Callable[..., Any]]:
    def sparse(volume_gib: int, blocks: int) -> str:
        return cloud.ebs.add(data.sparse_snapshot(volume_gib, blocks)).id

    def quota(per_second: float) -> None:
        cloud.quotas["GetSnapshotBlock"] = Quota(per_second, time.monotonic)

    def quota_used() -> dict[str, float]:
        used = cloud.quotas.pop("GetSnapshotBlock")
        return {
            "per_second": used.per_second,
            "taken": used.taken,
            "throttled": used.throttled,
            "seconds": used.last - used.first,
        }

    def stored(bucket: str, prefix: str) -> int:
        there = cloud.s3.buckets[bucket]
        return sum(there.objects[key][-1].size for key in there.keys(prefix))

    return {
        "bucket": lambda name: cloud.s3.create(name).name,
        "drop": lambda name: cloud.s3.buckets.pop(name) and None,
        "forget": cloud.forget,
        "calls": lambda: dict(cloud.calls),
        "cpu_seconds": time.process_time,
        "contents": lambda snapshot: cloud.ebs.snapshots[snapshot].contents(),
        "changed": lambda: data.changed(*(cloud.ebs.snapshots[name] for name in data.NAMES)),
        "sparse": sparse,
        "quota": quota,
        "quota_used": quota_used,
        "stored": stored,
    }

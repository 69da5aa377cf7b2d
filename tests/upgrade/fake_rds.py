"""Aurora clusters with their readers: one more comes when autoscaling has to have it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from functions import reader_parity

SOURCE, TARGET = "entity-a", "entity-b"
MOST = 8  # of the target, as far as its autoscaling goes
STARTS = timedelta(minutes=9)  # a reader, from its creation until it is available


class FakeRds:
    """`readers` are when those of a cluster were made; the source has scaled out, once."""

    def __init__(self, scaling: Any, now: Callable[[], datetime]) -> None:
        self._scaling, self._now = scaling, now
        past = now() - timedelta(days=1)
        self.readers = {SOURCE: [past] * 4, TARGET: [past] * 2}
        scaling.register_scalable_target(
            ServiceNamespace="rds",
            ResourceId=f"cluster:{TARGET}",
            ScalableDimension="rds:cluster:ReadReplicaCount",
            MinCapacity=2,
            MaxCapacity=MOST,
        )

    def least(self) -> int:
        """Return how many readers the target has to have."""
        limits = reader_parity.limits(self._scaling, TARGET)
        assert limits is not None
        return limits[0]

    def describe_db_clusters(self, *, DBClusterIdentifier: str) -> Any:  # noqa: N803 (the API's)
        names = [name for name, _ in self._instances(DBClusterIdentifier)]
        members = [
            {"DBInstanceIdentifier": name, "IsClusterWriter": name.endswith("-0")} for name in names
        ]
        return {"DBClusters": [{"DBClusterMembers": members}]}

    def get_paginator(self, name: str) -> Any:
        assert name == "describe_db_instances"
        return SimpleNamespace(paginate=self._pages)

    def _pages(self, *, Filters: list[dict[str, Any]]) -> Iterator[Any]:  # noqa: N803 (the API's)
        [wanted] = Filters
        for name, status in self._instances(wanted["Values"][0]):
            yield {"DBInstances": [{"DBInstanceIdentifier": name, "DBInstanceStatus": status}]}

    def _instances(self, cluster: str) -> list[tuple[str, str]]:
        readers, now = self.readers[cluster], self._now()
        if cluster == TARGET:
            readers += [now] * (self.least() - len(readers))
        return [(f"{cluster}-0", "available")] + [
            (f"{cluster}-{n}", "available" if made + STARTS <= now else "creating")
            for n, made in enumerate(readers, start=1)
        ]

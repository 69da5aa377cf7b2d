"""The shape of one Aurora cluster: the zones of its instances, and their size."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from config.region import Region

# Amazon Aurora keeps a cluster's volume in three zones, and its instances in those (API Reference,
# CreateDBCluster: "can't specify more than three AZs").
CLUSTER_ZONES_MAX = 3
# A subnet group covers at least two zones (API Reference, CreateDBSubnetGroup).
CLUSTER_ZONES_MIN = 2

# Aurora Replicas of one cluster (Amazon Aurora User Guide, "Quotas and constraints").
READERS_MAX = 15

# Aurora Serverless v2 capacity units, about 2 GiB each: 0.5 to 256 in steps of a half. Less than
# 0.5 would let an idle cluster pause, and a paused one replicates nothing.
ACU_MIN = 0.5
ACU_MAX = 256.0

_INSTANCE_CLASS = re.compile(r"[a-z]\d[a-z]*\.[a-z0-9]+")


@dataclass(frozen=True, kw_only=True)
class ClusterZones:
    """Where a cluster stands, by zone id; at most one instance in each zone."""

    writer: str  # in a copy, the first of its readers
    readers: tuple[str, ...]
    # Zones that hold copies of the volume and no instance. Aurora always uses three and chooses
    # those that are not named here, perhaps the one that is kept free of live data.
    storage: tuple[str, ...] = ()

    @property
    def instances(self) -> tuple[str, ...]:
        return (self.writer, *self.readers)

    def problems(self, path: str, region: Region) -> Iterator[str]:
        zones = (*self.instances, *self.storage)
        for zone in zones:
            if zone not in region.every_zone_id:
                yield (
                    f"'{path}' should stand in zones of {region.name} "
                    f"({', '.join(region.every_zone_id)}), got '{zone}'"
                )
        for zone in sorted({zone for zone in zones if zones.count(zone) > 1}):
            yield f"'{path}' should name '{zone}' once: two instances in a zone are lost together"
        if not CLUSTER_ZONES_MIN <= len(set(zones)) <= CLUSTER_ZONES_MAX:
            yield (
                f"'{path}' should span {CLUSTER_ZONES_MIN} or {CLUSTER_ZONES_MAX} zones, as an "
                f"Aurora cluster does, got {len(set(zones))}: {', '.join(zones)}"
            )


@dataclass(frozen=True, kw_only=True)
class ClusterSize:
    """The size of each instance of a cluster, and how far its readers scale out.

    Writer and readers are alike, because a failover makes any of them the writer.
    """

    instance_class: str  # such as "r8g.xlarge", or "serverless"
    max_readers: int  # where scaling out stops; no more than there are means no scaling
    reader_cpu_target_percent: int  # of the readers on average
    min_acu: float = ACU_MIN  # of a serverless instance, in Aurora capacity units
    max_acu: float = ACU_MIN  # of a serverless instance

    @property
    def serverless(self) -> bool:
        return self.instance_class == "serverless"

    def problems(self, path: str, readers: int) -> Iterator[str]:
        if not self.serverless and not _INSTANCE_CLASS.fullmatch(self.instance_class):
            yield (
                f"'{path}.instance_class' should be an instance type such as 'r8g.large', or "
                f"'serverless', got '{self.instance_class}'"
            )
        if self.instance_class.startswith("t"):
            yield (
                f"'{path}.instance_class' should not be burstable: an Aurora global database takes "
                f"none (User Guide, 'Configuration requirements'); use 'serverless' or r8g, "
                f"got '{self.instance_class}'"
            )
        if not readers <= self.max_readers <= READERS_MAX:
            yield (
                f"'{path}.max_readers' should be {readers}, the readers there are, "
                f"to {READERS_MAX}, got {self.max_readers}"
            )
        if not 10 <= self.reader_cpu_target_percent <= 90:
            got = self.reader_cpu_target_percent
            yield f"'{path}.reader_cpu_target_percent' should be 10 to 90, got {got}"
        if self.serverless:
            yield from self._capacity_problems(path)

    def _capacity_problems(self, path: str) -> Iterator[str]:
        for name, units in (("min_acu", self.min_acu), ("max_acu", self.max_acu)):
            if not ACU_MIN <= units <= ACU_MAX or units % ACU_MIN:
                yield (
                    f"'{path}.{name}' should be {ACU_MIN} to {ACU_MAX} in steps of {ACU_MIN}, "
                    f"got {units}"
                )
        if self.max_acu < self.min_acu:
            yield (
                f"'{path}.max_acu' should be at least min_acu ({self.min_acu}), got {self.max_acu}"
            )

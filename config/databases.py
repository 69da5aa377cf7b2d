"""The database tier: which zones its replicas stand in, and how large each store is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from config.cluster import ClusterSize, ClusterZones
from config.delayed_replica import DelayedReplica
from config.region import Region

# Redshift Serverless: base capacity in RPUs, in steps of 8 (Redshift Management Guide, "Compute
# capacity for Amazon Redshift Serverless"), and a subnet in each of at least three zones.
RPU_STEP = 8
RPU_MAX = 512
WAREHOUSE_ZONES_MIN = 3

# A message of the audit queue may be 14 days old when it is written: into the month before.
KEEP_MONTHS_MIN = 2

# Amazon Aurora keeps automated backups 1 to 35 days (CreateDBCluster, BackupRetentionPeriod).
BACKUP_DAYS_MAX = 35


@dataclass(frozen=True, kw_only=True)
class EntityClusters:
    """Two clusters as masters A and B, of which one takes writes, and a copy of A."""

    master_a: ClusterZones
    master_b: ClusterZones | None  # None: no second master, so no upgrade without a window
    standby: ClusterZones | None  # A's copy in the standby Region
    size: ClusterSize  # of every instance of every cluster: any of them may have to write


@dataclass(frozen=True, kw_only=True)
class SessionThroughput:
    """A table in every Region, billed by request. The ceilings bound what a mistake may cost."""

    max_read_units: int  # a second; half a unit reads a session of up to 4 KB
    max_write_units: int  # a second; a unit writes a session of up to 1 KB


@dataclass(frozen=True, kw_only=True)
class TransactionClusters:
    """One cluster with readers, and a copy of it."""

    primary: ClusterZones
    standby: ClusterZones | None
    size: ClusterSize
    keep_months: int  # of the audit log that can be asked for; the tables of older ones stay


@dataclass(frozen=True, kw_only=True)
class Warehouse:
    """Reporting by Amazon Redshift Serverless."""

    zone_ids: tuple[str, ...]  # three or more, of the primary Region
    standby_zone_ids: tuple[str, ...]  # three or more, or none without a standby Region
    base_rpu: int  # Redshift processing units that a query starts with
    max_rpu: int  # and that all queries together may use
    copy_retention_days: int  # how long the standby Region keeps each copied snapshot

    def problems(self, path: str, primary: Region, standby: Region | None) -> Iterator[str]:
        yield from _warehouse_zones(f"{path}.zone_ids", self.zone_ids, primary)
        if standby is not None:
            yield from _warehouse_zones(f"{path}.standby_zone_ids", self.standby_zone_ids, standby)
        for name, units in (("base_rpu", self.base_rpu), ("max_rpu", self.max_rpu)):
            if units % RPU_STEP or not RPU_STEP <= units <= RPU_MAX:
                yield (
                    f"'{path}.{name}' should be {RPU_STEP} to {RPU_MAX} in steps of {RPU_STEP}, "
                    f"got {units}"
                )
        if self.max_rpu < self.base_rpu:
            yield (
                f"'{path}.max_rpu' should be at least base_rpu ({self.base_rpu}), "
                f"got {self.max_rpu}"
            )
        if self.copy_retention_days < 1:
            yield (
                f"'{path}.copy_retention_days' should be at least 1, got {self.copy_retention_days}"
            )


@dataclass(frozen=True, kw_only=True)
class ReportingCluster:
    """Reporting by a cluster of its own, subscribed to the transaction store."""

    zones: ClusterZones
    size: ClusterSize

    def problems(self, path: str, primary: Region, standby: Region | None) -> Iterator[str]:
        yield from self.zones.problems(f"{path}.zones", primary)
        yield from self.size.problems(f"{path}.size", len(self.zones.readers))
        if standby is not None:
            yield (
                f"'{path}' should be a Warehouse where there is a standby Region: this form has no "
                f"copy in {standby.name}"
            )


@dataclass(frozen=True, kw_only=True)
class Databases:
    """The four stores and the time-delayed replica."""

    postgresql_version: str  # of every Aurora cluster, such as 17.6: A and its copy must agree
    backup_days: int  # how long point-in-time restores reach back
    entity: EntityClusters
    session: SessionThroughput
    transaction: TransactionClusters
    reporting: Warehouse | ReportingCluster
    delayed: DelayedReplica | None  # None: no defence against a mistake but backups

    def problems(self, path: str, primary: Region, standby: Region | None) -> Iterator[str]:
        major, _, minor = self.postgresql_version.partition(".")
        if major != "17" or not minor.isdigit():
            yield (
                f"'{path}.postgresql_version' should be a minor version of PostgreSQL 17, such as "
                f"'17.6', got '{self.postgresql_version}'"
            )
        if not 1 <= self.backup_days <= BACKUP_DAYS_MAX:
            yield f"'{path}.backup_days' should be 1 to {BACKUP_DAYS_MAX}, got {self.backup_days}"
        yield from self._entity_problems(f"{path}.entity", primary, standby)
        for name in ("max_read_units", "max_write_units"):
            units = getattr(self.session, name)
            if units < 1:
                yield f"'{path}.session.{name}' should be at least 1, got {units}"
        yield from self._transaction_problems(f"{path}.transaction", primary, standby)
        yield from self.reporting.problems(f"{path}.reporting", primary, standby)
        if self.delayed is not None:
            yield from self.delayed.problems(f"{path}.delayed", standby, self._live_zones())

    def _entity_problems(self, path: str, primary: Region, standby: Region | None) -> Iterator[str]:
        entity = self.entity
        yield from entity.master_a.problems(f"{path}.master_a", primary)
        yield from _copy_problems(f"{path}.standby", entity.standby, standby)
        yield from entity.size.problems(f"{path}.size", len(entity.master_a.readers))
        if entity.master_b is not None:
            yield from entity.master_b.problems(f"{path}.master_b", primary)
            if entity.master_b.writer == entity.master_a.writer:
                yield (
                    f"'{path}.master_b.writer' should be in another zone than that of master A, "
                    f"'{entity.master_a.writer}', or one zone takes both away"
                )

    def _transaction_problems(
        self, path: str, primary: Region, standby: Region | None
    ) -> Iterator[str]:
        transaction = self.transaction
        yield from transaction.primary.problems(f"{path}.primary", primary)
        yield from _copy_problems(f"{path}.standby", transaction.standby, standby)
        readers = len(transaction.primary.readers)
        yield from transaction.size.problems(f"{path}.size", readers)
        if transaction.keep_months < KEEP_MONTHS_MIN:
            yield (
                f"'{path}.keep_months' should be at least {KEEP_MONTHS_MIN}, "
                f"got {transaction.keep_months}"
            )

    def _live_zones(self) -> set[str]:
        """Every zone with an instance that serves."""
        clusters = (
            self.entity.master_a,
            self.entity.master_b,
            self.entity.standby,
            self.transaction.primary,
            self.transaction.standby,
        )
        return {zone for cluster in clusters if cluster is not None for zone in cluster.instances}


def _copy_problems(path: str, copy: ClusterZones | None, standby: Region | None) -> Iterator[str]:
    if copy is not None and standby is not None:
        yield from copy.problems(path, standby)
    elif standby is not None:
        yield f"'{path}' should name zones of {standby.name}: the standby Region needs its copy"
    elif copy is not None:
        yield f"'{path}' should be None, for there is no standby Region"


def _warehouse_zones(path: str, zone_ids: tuple[str, ...], region: Region) -> Iterator[str]:
    if len(set(zone_ids)) < WAREHOUSE_ZONES_MIN:
        yield (
            f"'{path}' should hold at least {WAREHOUSE_ZONES_MIN} zones, for Redshift Serverless "
            f"wants a subnet in each, got {len(set(zone_ids))}"
        )
    for zone in zone_ids:
        if zone not in region.every_zone_id:
            yield (
                f"'{path}' should hold zones of {region.name} "
                f"({', '.join(region.every_zone_id)}), got '{zone}'"
            )

"""The relational stores of an environment: a cluster in each stack, and copies in the standby."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms

from config.cluster import ClusterSize, ClusterZones
from config.databases import EntityClusters, ReportingCluster, TransactionClusters
from mainstay.database import upkeep
from mainstay.database.membership import (
    Alone,
    CopyOfGlobalDatabase,
    FirstOfGlobalDatabase,
    Membership,
)
from mainstay.database.reader_limits import ReaderLimits
from mainstay.database.relational_store import RelationalStore
from mainstay.database.store_kind import ENTITY, REPORTING, TRANSACTION, StoreKind
from mainstay.database.upkeep import Upkeep
from mainstay.references import cross_region
from stacks.composition.choices import instance_size_of, placement_of
from stacks.composition.names import cluster_name, named
from stacks.composition.region_context import RegionContext


def entity_masters(
    primary: RegionContext, standby: RegionContext | None
) -> dict[str, RelationalStore]:
    """Return master A of the entity store and, where the environment has one, master B."""
    entity, key = primary.environment.databases.entity, primary.keys.entity
    masters = {
        "A": _cluster(
            primary,
            "EntityA",
            "master A of the entity store",
            kind=ENTITY,
            membership=_membership(primary, standby, ENTITY),
            zones=entity.master_a,
            size=entity.size,
            key=key,
            secret_copies=key_copies(standby, standby and standby.keys.entity),
            upkeep=upkeep.MASTER_A,
        )
    }
    if entity.master_b is not None:
        masters["B"] = _cluster(
            primary,
            "EntityB",
            "master B of the entity store",
            kind=ENTITY,
            membership=Alone(),
            zones=entity.master_b,
            size=entity.size,
            key=key,
            upkeep=upkeep.MASTER_B,
        )
    return masters


def entity_copy(standby: RegionContext, master_a: RelationalStore) -> RelationalStore:
    """Return the standby Region's copy of master A."""
    config, key = standby.environment.databases.entity, standby.keys.entity
    return _copy(standby, "EntityCopy", master_a, config, key, upkeep.ENTITY_COPY)


def transaction_store(primary: RegionContext, standby: RegionContext | None) -> RelationalStore:
    """Return the primary Region's transaction store, which takes the writes."""
    transaction = primary.environment.databases.transaction
    return _cluster(
        primary,
        "Transaction",
        "the transaction store",
        kind=TRANSACTION,
        membership=_membership(primary, standby, TRANSACTION),
        zones=transaction.primary,
        size=transaction.size,
        key=primary.keys.transaction,
        secret_copies=key_copies(standby, standby and standby.keys.transaction),
        upkeep=upkeep.TRANSACTION,
    )


def transaction_copy(standby: RegionContext, first: RelationalStore) -> RelationalStore:
    """Return the standby Region's copy of the transaction store."""
    config, key = standby.environment.databases.transaction, standby.keys.transaction
    return _copy(standby, "TransactionCopy", first, config, key, upkeep.TRANSACTION_COPY)


def reporting_store(primary: RegionContext, reporting: ReportingCluster) -> RelationalStore:
    """Return the cluster for reports of an environment without warehouse."""
    return _cluster(
        primary,
        "Reporting",
        "the store of reports",
        kind=REPORTING,
        membership=Alone(),
        zones=reporting.zones,
        size=reporting.size,
        key=primary.keys.reporting,
        upkeep=upkeep.REPORTING,
    )


def key_copies(standby: RegionContext | None, key: kms.IKey | None) -> dict[str, str]:
    """Return the ARN of the standby's key by its Region for what is copied there."""
    return {} if standby is None or key is None else {standby.name: cross_region(key.key_arn)}


def _membership(
    primary: RegionContext, standby: RegionContext | None, kind: StoreKind
) -> Membership:
    if standby is None:
        return Alone()
    return FirstOfGlobalDatabase(global_identifier=named(primary.environment, kind.name))


def _copy(
    standby: RegionContext,
    part: str,
    first: RelationalStore,
    config: EntityClusters | TransactionClusters,
    key: kms.IKey,
    upkeep: Upkeep,
) -> RelationalStore:
    assert config.standby is not None, "an environment of two Regions has it"
    copy = _cluster(
        standby,
        part,
        f"the {first.kind.name} store's copy in another Region",
        kind=first.kind,
        membership=CopyOfGlobalDatabase(
            global_identifier=named(standby.environment, first.kind.name)
        ),
        zones=config.standby,
        size=config.size,
        key=key,
        upkeep=upkeep,
    )
    cdk.Stack.of(copy).add_stack_dependency(cdk.Stack.of(first))  # it joins what is there
    return copy


def _cluster(
    context: RegionContext,
    part: str,
    description: str,
    *,
    kind: StoreKind,
    membership: Membership,
    zones: ClusterZones,
    size: ClusterSize,
    key: kms.IKey,
    upkeep: Upkeep,
    secret_copies: dict[str, str] | None = None,
) -> RelationalStore:
    """Return one cluster, alone in its stack: no update of another can roll this one back."""
    stack = context.stack(part, description, stateful=True)
    # Amazon RDS would make the log group by itself, without key or end, were it not there.
    stack.add_stack_dependency(cdk.Stack.of(context.logs))
    databases = context.environment.databases
    return RelationalStore(
        stack,
        "Store",
        kind=kind,
        membership=membership,
        identifier=cluster_name(context.environment, part),
        postgresql_version=databases.postgresql_version,
        network=context.network,
        placement=placement_of(zones),
        size=instance_size_of(size),
        readers=ReaderLimits(
            max_readers=size.max_readers, cpu_target_percent=size.reader_cpu_target_percent
        ),
        key=key,
        secret_copies=secret_copies or {},
        upkeep=upkeep,
        backup_retention=cdk.Duration.days(databases.backup_days),
        removal_policy=context.removal_policy,
    )

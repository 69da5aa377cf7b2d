"""The database tier of an environment: its half of the architecture diagram, in code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_kms as kms

from config import databases as config
from config.cluster import ClusterSize, ClusterZones
from config.delayed_replica import DelayedReplica as DelayedReplicaConfig
from config.model import Environment
from mainstay.app_tier.stores import Reports
from mainstay.database import upkeep
from mainstay.database.delayed_replica import NodeSize
from mainstay.database.membership import (
    Alone,
    CopyOfGlobalDatabase,
    FirstOfGlobalDatabase,
    Membership,
)
from mainstay.database.operations_task import Node, Operable
from mainstay.database.reader_limits import ReaderLimits
from mainstay.database.relational_store import RelationalStore
from mainstay.database.replication_secrets import nodes_name, replication_name
from mainstay.database.session_store import SessionReplica
from mainstay.database.store_access import Cluster, StoreAccess
from mainstay.database.store_kind import ENTITY, REPORTING, TRANSACTION
from mainstay.database.warehouse import Warehouse
from stacks.composition.choices import instance_size_of, placement_of
from stacks.composition.place import Place
from stacks.delayed_stack import DelayedStack
from stacks.keys_stack import KeysStack
from stacks.logs_stack import LogsStack
from stacks.network_stack import NetworkStack
from stacks.secrets_stack import SecretsStack
from stacks.session_stack import SessionStack
from stacks.store_stack import StoreStack
from stacks.warehouse_stack import WarehouseStack

# In the order in which they are asked: master A before B.
_ENTITY = ("entity-a", "entity-b", "entity-copy")
_TRANSACTION = ("transaction-a", "transaction-copy")


def cluster_name(environment: Environment, store: str) -> str:
    """A cluster's identifier, unique in all Regions as a global database wants it."""
    return f"mainstay-{environment.name}-{store}"


def session_table_name(environment: Environment) -> str:
    """The table's name, the same in every Region."""
    return f"mainstay-{environment.name}-sessions"


@dataclass(frozen=True, kw_only=True)
class _Site:
    """What a store needs of its Region."""

    place: Place
    keys: KeysStack
    log: LogsStack
    network: NetworkStack
    nodes: dict[str, Node] = field(default_factory=dict)  # that operations know here
    stores: dict[str, RelationalStore] = field(default_factory=dict)  # by the cluster's name
    warehouses: list[Warehouse] = field(default_factory=list)  # at most one
    depends: list[cdk.Stack] = field(default_factory=list)  # that the first start needs

    def cluster(
        self,
        part: str,
        store: str,
        *,
        node: str | None = None,
        secret_of: str | None = None,
        zones: ClusterZones,
        size: ClusterSize,
        key: kms.IKey,
        **rest: Any,
    ) -> StoreStack:
        """The stack of one cluster; `part` becomes its id and the end of its name.

        Operations know it as `node`; a copy has the secret of the store that it is a copy of.
        """
        environment = self.place.environment
        stack = StoreStack(
            self.place.scope,
            part,
            **self.place.named(part.lower()),
            identifier=cluster_name(environment, store),
            postgresql_version=environment.databases.postgresql_version,
            network=self.network.network,
            placement=placement_of(zones),
            size=instance_size_of(size),
            readers=ReaderLimits(
                max_readers=size.max_readers, cpu_target_percent=size.reader_cpu_target_percent
            ),
            key=key,
            backup_retention=cdk.Duration.days(environment.databases.backup_days),
            keep_data=environment.keep_data,
            **rest,
        )
        # Amazon RDS would make the log group by itself, without key or end, were it not there.
        stack.add_stack_dependency(self.log)
        self.stores[store] = stack.store
        self.depends.append(stack)
        if node is not None:
            self.nodes[node] = Node(
                host=stack.store.cluster.cluster_endpoint.hostname,
                secret_name=f"{cluster_name(environment, secret_of or store)}/master",
                cluster=cluster_name(environment, store),
            )
        return stack


@dataclass(frozen=True, kw_only=True)
class RegionDatabases:
    """What the rest of a Region knows of its databases."""

    operable: Operable
    entity: StoreAccess
    transaction: StoreAccess
    sessions: SessionReplica
    reports: Reports | None
    # The entity store's clusters of the Region, by a short name of each.
    masters: dict[str, RelationalStore]
    copies: dict[str, RelationalStore]
    # Replicas by what operations call them: those that could take the writes, and the others.
    successors: dict[str, str]
    followers: dict[str, str]
    # Stacks that stand before the first operation can succeed, in this Region and beyond.
    first_start_needs: tuple[cdk.Stack, ...]


def compose_databases(
    places: list[Place],
    keys: list[KeysStack],
    logs: list[LogsStack],
    networks: list[NetworkStack],
) -> list[RegionDatabases]:
    """The stacks of the four stores and of the delayed replica, and who reaches them how."""
    sites = [
        _Site(place=place, keys=key, log=log, network=network)
        for place, key, log, network in zip(places, keys, logs, networks, strict=True)
    ]
    primary, *standbys = sites
    secrets = _secrets(primary, standbys)
    _entity(primary, standbys)
    _session(primary, standbys)
    transaction = _transaction(primary, standbys)
    _reporting(primary, standbys, transaction)
    for standby in standbys:
        delayed = standby.place.environment.databases.delayed
        if delayed is not None:
            replicas = _delayed(standby, primary, delayed)
            replicas.add_stack_dependency(secrets)
            primary.depends.append(replicas)  # the follower is bootstrapped from there
            _know_replicas(sites, standby, delayed)
    primary.depends.append(secrets)
    return [_known(site, primary) for site in sites]


def _known(site: _Site, primary: _Site) -> RegionDatabases:
    environment, region = site.place.environment, site.place.region.name
    entity, transaction = _entity_access(site, primary), _transaction_access(site, primary)
    table = session_table_name(environment)
    return RegionDatabases(
        operable=Operable(
            nodes=site.nodes,
            replication_secret_name=replication_name(cluster_name(environment, "entity")),
            keys=(site.keys.keys.entity, site.keys.keys.transaction),
        ),
        entity=entity,
        transaction=transaction,
        sessions=SessionReplica(
            table_name=table,
            table_arn=f"arn:aws:dynamodb:{region}:{environment.account}:table/{table}",
            key=site.keys.keys.session,
        ),
        reports=next(
            (Reports(warehouse=one, database=TRANSACTION.name) for one in site.warehouses), None
        ),
        masters=_stores(site, {"A": "entity-a", "B": "entity-b"}),
        copies=_stores(site, {"Copy": "entity-copy"}),
        **_replicas(site, primary),
        first_start_needs=tuple(site.depends),
    )


def _stores(site: _Site, names: dict[str, str]) -> dict[str, RelationalStore]:
    return {short: site.stores[name] for short, name in names.items() if name in site.stores}


def _replicas(site: _Site, primary: _Site) -> dict[str, dict[str, str]]:
    """As `service.operations lag` names them, which measures all of them in the primary Region."""
    if site is not primary:
        return {"successors": {}, "followers": {}}
    successors, followers = {}, {}
    if "entity-b" in site.stores:
        successors = {"B": "entity_b_from_entity_a", "A": "entity_a_from_entity_b"}
    if "FOLLOWER" in site.nodes:
        followers = {"Follower": "follower_from_entity_a", "Delayed": "delayed"}
    return {"successors": successors, "followers": followers}


def _entity_access(site: _Site, primary: _Site) -> StoreAccess:
    """Reads in the own Region; writes, where it has no master, across the peering.

    The own copy stands before the master in the list of writers: once it is promoted it takes
    the writes with no deploy.
    """
    own = [Cluster.here(store) for name, store in site.stores.items() if name in _ENTITY]
    masters = (
        []
        if site is primary
        else [Cluster.abroad(store) for name, store in primary.stores.items() if name in _ENTITY]
    )
    return StoreAccess(name="ENTITY", writers=(*own, *masters), readers=tuple(own))


def _transaction_access(site: _Site, primary: _Site) -> StoreAccess:
    """As of the entity store."""
    own = [Cluster.here(store) for name, store in site.stores.items() if name in _TRANSACTION]
    writer = (
        []
        if site is primary
        else [
            Cluster.abroad(store) for name, store in primary.stores.items() if name in _TRANSACTION
        ]
    )
    return StoreAccess(name="TRANSACTION", writers=(*own, *writer), readers=tuple(own))


def _know_replicas(sites: list[_Site], standby: _Site, delayed: DelayedReplicaConfig) -> None:
    """Operations of either Region reach the replica nodes by their fixed addresses."""
    addresses = standby.network.network.addresses
    secret = nodes_name(cluster_name(standby.place.environment, "entity"))
    for name, zone in (("FOLLOWER", delayed.follower_zone), ("DELAYED", delayed.delayed_zone)):
        node = Node(host=addresses.replica_address(zone), secret_name=secret)
        for site in sites:
            site.nodes[name] = node


def _abroad(key: kms.IKey) -> str:
    """The ARN of a key of another Region, read there when the stack that needs it is deployed."""
    return cdk.Stack.consume_reference(key.key_arn, cdk.ReferenceStrength.WEAK)


def _member(site: _Site, store: str, *, copied: bool) -> Membership:
    name = cluster_name(site.place.environment, store)
    return FirstOfGlobalDatabase(global_identifier=name) if copied else Alone()


def _secrets(primary: _Site, standbys: list[_Site]) -> SecretsStack:
    environment = primary.place.environment
    return SecretsStack(
        primary.place.scope,
        "Secrets",
        **primary.place.named("secrets"),
        name=cluster_name(environment, "entity"),
        key=primary.keys.keys.entity,
        copies={site.place.region.name: _abroad(site.keys.keys.entity) for site in standbys},
        keep_data=environment.keep_data,
    )


def _entity(primary: _Site, standbys: list[_Site]) -> None:
    entity = primary.place.environment.databases.entity
    copies = {site.place.region.name: _abroad(site.keys.keys.entity) for site in standbys}
    master_a = primary.cluster(
        "EntityA",
        "entity-a",
        node="ENTITY_A",
        what="master A of the entity store",
        kind=ENTITY,
        membership=_member(primary, "entity", copied=bool(standbys)),
        zones=entity.master_a,
        size=entity.size,
        key=primary.keys.keys.entity,
        secret_copies=copies,
        upkeep=upkeep.MASTER_A,
    )
    if entity.master_b is not None:
        primary.cluster(
            "EntityB",
            "entity-b",
            node="ENTITY_B",
            what="master B of the entity store",
            kind=ENTITY,
            membership=Alone(),
            zones=entity.master_b,
            size=entity.size,
            key=primary.keys.keys.entity,
            secret_copies={},
            upkeep=upkeep.MASTER_B,
        )
    for site in standbys:
        assert entity.standby is not None
        copy = site.cluster(
            "EntityCopy",
            "entity-copy",
            node="ENTITY_A",  # what it is once it is promoted
            secret_of="entity-a",
            what="the entity store's copy in another Region",
            kind=ENTITY,
            membership=CopyOfGlobalDatabase(
                global_identifier=cluster_name(site.place.environment, "entity")
            ),
            zones=entity.standby,
            size=entity.size,
            key=site.keys.keys.entity,
            secret_copies={},
            upkeep=upkeep.ENTITY_COPY,
        )
        copy.add_stack_dependency(master_a)  # a copy joins what is there


def _session(primary: _Site, standbys: list[_Site]) -> None:
    environment = primary.place.environment
    SessionStack(
        primary.place.scope,
        "Session",
        **primary.place.named("session"),
        table_name=session_table_name(environment),
        key=primary.keys.keys.session,
        replica_key_arns={
            site.place.region.name: _abroad(site.keys.keys.session) for site in standbys
        },
        max_read_units=environment.databases.session.max_read_units,
        max_write_units=environment.databases.session.max_write_units,
        keep_data=environment.keep_data,
    )


def _transaction(primary: _Site, standbys: list[_Site]) -> StoreStack:
    transaction = primary.place.environment.databases.transaction
    first = primary.cluster(
        "Transaction",
        "transaction-a",
        node="TRANSACTION",
        what="the transaction store",
        kind=TRANSACTION,
        membership=_member(primary, "transaction", copied=bool(standbys)),
        zones=transaction.primary,
        size=transaction.size,
        key=primary.keys.keys.transaction,
        secret_copies={
            site.place.region.name: _abroad(site.keys.keys.transaction) for site in standbys
        },
        upkeep=upkeep.TRANSACTION,
    )
    for site in standbys:
        assert transaction.standby is not None
        copy = site.cluster(
            "TransactionCopy",
            "transaction-copy",
            node="TRANSACTION",
            secret_of="transaction-a",
            what="the transaction store's copy in another Region",
            kind=TRANSACTION,
            membership=CopyOfGlobalDatabase(
                global_identifier=cluster_name(site.place.environment, "transaction")
            ),
            zones=transaction.standby,
            size=transaction.size,
            key=site.keys.keys.transaction,
            secret_copies={},
            upkeep=upkeep.TRANSACTION_COPY,
        )
        copy.add_stack_dependency(first)
    return first


def _reporting(primary: _Site, standbys: list[_Site], transaction: StoreStack) -> None:
    environment = primary.place.environment
    reporting = environment.databases.reporting
    if isinstance(reporting, config.PostgresReporting):
        primary.cluster(
            "Reporting",
            "reporting",
            what="the store of reports",
            kind=REPORTING,
            membership=Alone(),
            zones=reporting.zones,
            size=reporting.size,
            key=primary.keys.keys.reporting,
            secret_copies={},
            upkeep=upkeep.REPORTING,
        )
        return
    copies = {site.place.region.name: _abroad(site.keys.keys.reporting) for site in standbys}
    for site in (primary, *standbys):
        first = site is primary
        stack = WarehouseStack(
            site.place.scope,
            "Reporting",
            **site.place.named("reporting"),
            name=f"mainstay-{environment.name}-reporting",
            network=site.network.network,
            zone_ids=reporting.zone_ids if first else reporting.standby_zone_ids,
            key=site.keys.keys.reporting,
            base_rpu=reporting.base_rpu,
            max_rpu=reporting.max_rpu,
            copies=copies if first else {},
            copy_retention_days=reporting.copy_retention_days,
            source=transaction.store if first else None,
            log_group=site.log.logs.functions,
            keep_data=environment.keep_data,
        )
        site.warehouses.append(stack.warehouse)


def _delayed(standby: _Site, primary: _Site, delayed: DelayedReplicaConfig) -> DelayedStack:
    here, there = standby.network.network.addresses, primary.network.network.addresses
    return DelayedStack(
        standby.place.scope,
        "Delayed",
        **standby.place.named("delayed"),
        network=standby.network.network,
        client_ranges=(here.tier("data"), here.tier("app"), there.tier("app")),
        secrets_name=cluster_name(standby.place.environment, "entity"),
        follower_zone=delayed.follower_zone,
        delayed_zone=delayed.delayed_zone,
        delay=cdk.Duration.minutes(delayed.delay_minutes),
        size=NodeSize(
            instance_type=delayed.instance_type,
            volume_gib=delayed.volume_gib,
            volume_iops=delayed.volume_iops,
            volume_mib_per_second=delayed.volume_mib_per_second,
        ),
        image_parameter=delayed.image_parameter,
        key=standby.keys.keys.entity,
        keep_data=standby.place.environment.keep_data,
    )


def logged_clusters(place: Place) -> dict[str, str]:
    """The clusters of a Region that write logs, by the id of the group that keeps them."""
    environment = place.environment
    databases = environment.databases
    if place.region is environment.primary:
        stores = {"EntityA": "entity-a", "Transaction": "transaction-a"}
        if databases.entity.master_b is not None:
            stores["EntityB"] = "entity-b"
        if isinstance(databases.reporting, config.PostgresReporting):
            stores["Reporting"] = "reporting"
    else:
        stores = {"EntityCopy": "entity-copy", "TransactionCopy": "transaction-copy"}
    return {name: cluster_name(environment, store) for name, store in stores.items()}

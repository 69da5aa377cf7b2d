"""The database tier of an environment: four stores, and a replica that is behind on purpose."""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk

from config import databases as config
from mainstay.database.operations_task import Operable, OperableNode
from mainstay.database.relational_store import RelationalStore
from mainstay.database.replication_secrets import canary_name, nodes_name, replication_name
from mainstay.database.session_store import SessionReplica, SessionTable
from mainstay.database.store_access import StoreAccess, StoreCluster
from mainstay.database.user_secret import master_secret_name
from mainstay.database.warehouse import RedshiftWarehouse
from stacks.composition import clusters, stores
from stacks.composition.names import named
from stacks.composition.region_context import RegionContext


@dataclass(frozen=True, kw_only=True)
class RegionDatabases:
    """The databases of one Region, and how its servers and operations reach them."""

    context: RegionContext
    masters: dict[str, RelationalStore]  # of the entity store, by their letters
    copies: dict[str, RelationalStore]  # of master A, by a short name
    entity: StoreAccess
    transaction: StoreAccess
    sessions: SessionReplica
    session_table: SessionTable | None  # where it is made
    reports: RedshiftWarehouse | None
    operable: Operable
    # Stacks that stand before the first operation can succeed, in this Region and beyond.
    first_start_needs: tuple[cdk.Stack, ...]


def compose_databases(
    primary: RegionContext, standby: RegionContext | None
) -> list[RegionDatabases]:
    """Return the databases of the primary Region, then those of the standby where there is one."""
    secrets = stores.replication_secrets(primary, standby)
    masters = clusters.entity_masters(primary, standby)
    session_table = stores.session_store(primary, standby)
    transaction = clusters.transaction_store(primary, standby)
    needed = [secrets, *masters.values(), transaction]
    reporting, reports = primary.environment.databases.reporting, None
    if isinstance(reporting, config.ReportingCluster):
        needed.append(clusters.reporting_store(primary, reporting))
    else:
        reports = stores.warehouse(
            primary,
            reporting,
            zone_ids=reporting.zone_ids,
            source=transaction,
            copies=clusters.key_copies(standby, standby and standby.keys.reporting),
        )
    replica = standby and stores.delayed_replica(primary, standby)
    if replica is not None:
        cdk.Stack.of(replica).add_stack_dependency(cdk.Stack.of(secrets))
        needed.append(replica)  # the follower is bootstrapped from the primary Region
    nodes = {f"ENTITY_{letter}": _node(master, master) for letter, master in masters.items()}
    in_primary = RegionDatabases(
        context=primary,
        masters=masters,
        copies={},
        entity=_access("ENTITY", [*masters.values()], []),
        transaction=_access("TRANSACTION", [transaction], []),
        sessions=stores.session_replica(primary),
        session_table=session_table,
        reports=reports,
        operable=_operable(
            primary,
            {**nodes, "TRANSACTION": _node(transaction, transaction), **_replica_nodes(standby)},
        ),
        first_start_needs=tuple(map(cdk.Stack.of, needed)),
    )
    if standby is None:
        return [in_primary]
    return [in_primary, _compose_standby(standby, masters, transaction)]


def _compose_standby(
    standby: RegionContext, masters: dict[str, RelationalStore], transaction: RelationalStore
) -> RegionDatabases:
    entity_copy = clusters.entity_copy(standby, masters["A"])
    transaction_copy = clusters.transaction_copy(standby, transaction)
    reporting = standby.environment.databases.reporting
    assert isinstance(reporting, config.Warehouse), "an environment of two Regions has one"
    # By the names of what they are once they are promoted.
    nodes = {
        "ENTITY_A": _node(entity_copy, masters["A"]),
        "TRANSACTION": _node(transaction_copy, transaction),
    }
    return RegionDatabases(
        context=standby,
        masters={},
        copies={"Copy": entity_copy},
        entity=_access("ENTITY", [entity_copy], [*masters.values()]),
        transaction=_access("TRANSACTION", [transaction_copy], [transaction]),
        sessions=stores.session_replica(standby),
        session_table=None,
        reports=stores.warehouse(
            standby, reporting, zone_ids=reporting.standby_zone_ids, source=None, copies={}
        ),
        operable=_operable(standby, {**nodes, **_replica_nodes(standby)}),
        first_start_needs=(cdk.Stack.of(entity_copy), cdk.Stack.of(transaction_copy)),
    )


def _access(
    name: str, own: list[RelationalStore], in_primary: list[RelationalStore]
) -> StoreAccess:
    """Return the way to a store: reads in the own Region, writes across the link where it has none.

    The own copy stands before the masters in the list of writers: once it is promoted it takes the
    writes with no deploy.
    """
    clusters = tuple(StoreCluster.of(store, same_region=True) for store in own)
    masters = (StoreCluster.of(store, same_region=False) for store in in_primary)
    return StoreAccess(name=name, writers=(*clusters, *masters), readers=clusters)


def _node(store: RelationalStore, master: RelationalStore) -> OperableNode:
    """Return a cluster for operations; a copy has the secret of the `master` it is a copy of."""
    return OperableNode(
        host=store.cluster.cluster_endpoint.hostname,
        secret_name=master_secret_name(master.identifier),
        cluster=store.identifier,
    )


def _replica_nodes(standby: RegionContext | None) -> dict[str, OperableNode]:
    """Return the replica nodes: operations of either Region reach them by fixed addresses."""
    delayed = standby and standby.environment.databases.delayed
    if standby is None or delayed is None:
        return {}
    secret = nodes_name(named(standby.environment, "entity"))
    zones = {"FOLLOWER": delayed.follower_zone, "DELAYED": delayed.delayed_zone}
    addresses = standby.network.addresses
    return {
        name: OperableNode(host=addresses.replica_address(zone), secret_name=secret)
        for name, zone in zones.items()
    }


def _operable(context: RegionContext, nodes: dict[str, OperableNode]) -> Operable:
    return Operable(
        nodes=nodes,
        replication_secret_name=replication_name(named(context.environment, "entity")),
        canary_secret_name=canary_name(named(context.environment, "entity")),
        keys=(context.keys.entity, context.keys.transaction),
    )

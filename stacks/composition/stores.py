"""The stores that are no cluster of Aurora: sessions, the warehouse, and the delayed replica."""

from __future__ import annotations

import aws_cdk as cdk

from config import databases as config
from mainstay.database.delayed_replica import DelayedReplicaNodes, NodeSize
from mainstay.database.relational_store import RelationalStore
from mainstay.database.replication_secrets import ReplicationSecrets
from mainstay.database.report_readers import ReportReaders
from mainstay.database.session_store import SessionReplica, SessionTable
from mainstay.database.store_kind import TRANSACTION
from mainstay.database.warehouse import RedshiftWarehouse
from mainstay.database.zero_etl import ZeroEtl
from stacks.composition.clusters import key_copies
from stacks.composition.names import named, session_table_name
from stacks.composition.region_context import RegionContext


def session_store(primary: RegionContext, standby: RegionContext | None) -> SessionTable:
    """Return the table, in the primary Region; DynamoDB makes its replica in the standby."""
    sessions = primary.environment.databases.session
    return SessionTable(
        primary.stack("Session", "the session store", stateful=True),
        "Sessions",
        table_name=session_table_name(primary.environment),
        key=primary.keys.session,
        replica_key_arns=key_copies(standby, standby and standby.keys.session),
        max_read_units=sessions.max_read_units,
        max_write_units=sessions.max_write_units,
        removal_policy=primary.removal_policy,
    )


def session_replica(context: RegionContext) -> SessionReplica:
    """Return the session table as the Region's servers reach it."""
    table, account = session_table_name(context.environment), context.environment.account
    return SessionReplica(
        table_name=table,
        table_arn=f"arn:aws:dynamodb:{context.name}:{account}:table/{table}",
        key=context.keys.session,
    )


def warehouse(
    context: RegionContext,
    reporting: config.Warehouse,
    *,
    zone_ids: tuple[str, ...],
    source: RelationalStore | None,
    copies: dict[str, str],
) -> RedshiftWarehouse:
    """Return the Region's warehouse for reports.

    Without a `source` it is empty until a snapshot is restored, and costs a minute a day.
    """
    name = named(context.environment, "reporting")
    stack = context.stack("Reporting", "the warehouse for reports", stateful=True)
    source_arn = None if source is None else source.cluster.cluster_arn
    made = RedshiftWarehouse(
        stack,
        "Warehouse",
        name=name,
        network=context.network,
        zone_ids=zone_ids,
        key=context.keys.reporting,
        base_rpu=reporting.base_rpu,
        max_rpu=reporting.max_rpu,
        copies=copies,
        copy_retention_days=reporting.copy_retention_days,
        source_arn=source_arn,
        removal_policy=context.removal_policy,
    )
    integration = None
    if source_arn is not None:
        integration = ZeroEtl(
            stack,
            "ZeroEtl",
            name=name,
            source_arn=source_arn,
            target_database=TRANSACTION.name,
            warehouse=made,
            log_group=context.logs.functions,
        ).integration.attr_integration_arn
    made.readers = ReportReaders(
        stack,
        "Readers",
        warehouse=made,
        integration_arn=integration,
        target_database=TRANSACTION.name,
        log_group=context.logs.functions,
    ).job
    return made


def replication_secrets(
    primary: RegionContext, standby: RegionContext | None
) -> ReplicationSecrets:
    """Return the passwords of replication, made in the primary Region and copied to the standby."""
    return ReplicationSecrets(
        primary.stack("Secrets", "the passwords of replication", stateful=True),
        "Secrets",
        name=named(primary.environment, "entity"),
        key=primary.keys.entity,
        copies=key_copies(standby, standby and standby.keys.entity),
        removal_policy=primary.removal_policy,
    )


def delayed_replica(primary: RegionContext, standby: RegionContext) -> DelayedReplicaNodes | None:
    """Return the follower of master A with its delayed standby, where the environment has them.

    Its volumes are what a mistake is undone from.
    """
    delayed = standby.environment.databases.delayed
    if delayed is None:
        return None
    addresses = standby.network.addresses
    return DelayedReplicaNodes(
        standby.stack("Delayed", "the time-delayed replica", stateful=True),
        "Replica",
        network=standby.network,
        client_ranges=(
            addresses.tier("data"),
            addresses.tier("app"),
            primary.network.addresses.tier("app"),
        ),
        secrets_name=named(standby.environment, "entity"),
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
        key=standby.keys.entity,
        removal_policy=standby.removal_policy,
    )

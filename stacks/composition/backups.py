"""The backups of an environment, in code: where they lie, what makes them, in which Region."""

from __future__ import annotations

from pathlib import Path

from config import backups as config
from config.databases import PostgresReporting
from config.model import Environment
from mainstay.backup.dump_tasks import Source
from mainstay.backup.snapshot_job import Copy, Keep
from mainstay.stateless.image import Parts
from stacks.backup_jobs_stack import BackupJobsStack
from stacks.backup_plan_stack import BackupPlanStack
from stacks.backup_store_stack import BackupStoreStack
from stacks.composition.databases import RegionDatabases, cluster_name, session_table_name
from stacks.composition.place import Place
from stacks.keys_stack import KeysStack
from stacks.logs_stack import LogsStack
from stacks.network_stack import NetworkStack

DUMP_IMAGE = Parts(
    folder=Path(__file__).parents[2],
    dockerfile="dumps/Dockerfile",
    paths=(
        *("dumps", "service/certificates"),
        *(
            f"lambda/functions/{name}"
            for name in ("__init__.py", "archive_format", "block_archive")
        ),
    ),
)


def compose_backups(
    places: list[Place],
    keys: list[KeysStack],
    logs: list[LogsStack],
    networks: list[NetworkStack],
    databases: list[RegionDatabases],
) -> None:
    """Jobs run in the last Region, where the replicas are; the first takes copies of all they make.

    AWS Backup works the other way: its plan is where the clusters are, its copies go to the last.
    """
    first, home = places[0], places[-1]
    environment, backups = home.environment, home.environment.backups
    double = None if home is first else _store(first, logs[0], other=None)
    store = _store(home, logs[-1], other=double)
    series = ("follower", "delayed") if environment.databases.delayed is not None else ()
    copy = None
    if double is not None:
        store.add_stack_dependency(double)
        copy = Copy(
            region=first.region.name,
            key_arn=double.store.arns.key,
            keep=_keep(backups.snapshot_copies),
        )
    jobs = BackupJobsStack(
        home.scope,
        "BackupJobs",
        **home.named("backupjobs"),
        store=store.store,
        series=series,
        stores=("entity", "transaction", "session"),
        snapshots=_keep(backups.snapshots),
        copy=copy,
        volume_key=keys[-1].keys.entity,
        archive_days=backups.archive_days,
        session_table=session_table_name(environment),
        session_key=keys[-1].keys.session,
        lock_days=backups.dump_days if environment.keep_data else None,
        proof_days=backups.proof_days,
        network=networks[-1].network,
        image=environment.dump_image or DUMP_IMAGE,
        sources=_sources(databases[-1], keys[-1]),
        dump_days=backups.dump_days,
        work_gib=backups.work_gib,
        log_group=logs[-1].logs.functions,
    )
    if double is not None:
        jobs.add_stack_dependency(double)
    plan = BackupPlanStack(
        first.scope,
        "BackupPlan",
        **first.named("backupplan"),
        name=f"mainstay-{environment.name}",
        store=(double or store).store,
        copy_vault_arn=store.store.arns.vault if double is not None else None,
        keep_days=backups.vault_days,
        clusters=_clusters(environment),
        table=session_table_name(environment),
        network=networks[0].network,
        zone_ids=first.region.zone_ids,
    )
    plan.add_stack_dependency(store)


def _store(place: Place, log: LogsStack, *, other: BackupStoreStack | None) -> BackupStoreStack:
    environment, backups = place.environment, place.environment.backups
    name = f"mainstay-{environment.name}-{environment.account}"  # bucket names are the world's
    end = "" if other is not None or environment.standby is None else "-copy"
    return BackupStoreStack(
        place.scope,
        "Backups",
        **place.named("backups"),
        archive_name=f"{name}-archive{end}",
        dumps_name=f"{name}-dumps{end}",
        logs=log.logs,
        dump_days=backups.dump_days,
        vault_days=backups.vault_days,
        other=other.store.arns if other is not None else None,
        keep_data=environment.keep_data,
    )


def _sources(databases: RegionDatabases, keys: KeysStack) -> tuple[Source, ...]:
    """What has portable dumps, and from where: the follower, else a reader; never a master.

    A store of reports is filled anew from the transactions.
    """
    nodes = databases.operable.nodes
    follower = nodes.get("FOLLOWER")
    entity, transaction = databases.entity.readers[0], databases.transaction.readers[0]
    return (
        Source(
            store="entity",
            host=follower.host if follower else entity.reader,
            secret_name=(follower or nodes["ENTITY_A"]).secret_name,
            secret_key=keys.keys.entity,
            certified=follower is None,
        ),
        Source(
            store="transaction",
            host=transaction.reader,
            secret_name=nodes["TRANSACTION"].secret_name,
            secret_key=keys.keys.transaction,
            certified=True,
        ),
    )


def _clusters(environment: Environment) -> tuple[str, ...]:
    """Of the primary Region, one per store: master B holds what A does."""
    reports = isinstance(environment.databases.reporting, PostgresReporting)
    stores = ("entity-a", "transaction-a", *(("reporting",) if reports else ()))
    return tuple(cluster_name(environment, store) for store in stores)


def _keep(keep: config.Keep) -> Keep:
    return Keep(hourly=keep.hourly, daily=keep.daily, weekly=keep.weekly, monthly=keep.monthly)

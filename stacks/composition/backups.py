"""The backups of an environment: where they lie, what makes them, and in which Region."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns

from config import backups as config
from config.databases import ReportingCluster
from config.model import Environment
from mainstay.alarm_topic import AlarmTopic
from mainstay.backup.ages import BackupAges
from mainstay.backup.alarms import BackupAlarms, Limits
from mainstay.backup.archive_machine import ArchiveMachine
from mainstay.backup.backup_plan import BackupPlan
from mainstay.backup.backup_store import BackupStore
from mainstay.backup.copy_prune import CopyPrune
from mainstay.backup.dump_tasks import DumpSource, DumpTasks
from mainstay.backup.failed_jobs import FailedJobs
from mainstay.backup.session_exports import SessionExports
from mainstay.backup.snapshot_job import Copy, SnapshotJob, SnapshotRetention
from mainstay.interfaces import as_topic
from mainstay.references import cross_region
from mainstay.stateless.image import Parts
from stacks.composition.databases import RegionDatabases
from stacks.composition.names import cluster_name, session_table_name
from stacks.composition.region_context import RegionContext

DUMP_IMAGE = Parts(
    folder=Path(__file__).parents[2],
    dockerfile="dumps/Dockerfile",
    paths=(
        *("dumps", "service/certificates", "lambda/functions/__init__.py"),
        *("lambda/functions/archive_format", "lambda/functions/block_archive"),
    ),
)


def compose_backups(databases: list[RegionDatabases]) -> None:
    """Make the backups of the databases of one Region or two, the primary's first.

    Jobs run in the last Region, where the replicas are; the first takes copies of all they make.
    AWS Backup works the other way: its plan is where the clusters are, its copies go to the last.
    """
    first, home = databases[0].context, databases[-1].context
    if first is home:
        store = _store(home, other=None)
        topic = _topic(store, home)
        plan = _plan(first, store, copy_vault=None)
        _jobs(databases[-1], store, topic, copy=None, plan_role=plan.role.role_arn)
        return
    double = _store(first, other=None)
    store = _store(home, other=double)
    copy = Copy(
        region=first.name,
        key_arn=double.arns.key,
        keep=_keep(home.environment.backups.snapshot_copies),
    )
    plan = _plan(first, double, copy_vault=store.arns.vault)
    topic = _topic(double, first)
    FailedJobs(cdk.Stack.of(plan), "Failed", role_arn=plan.role.role_arn, topic=topic)
    if _series(home.environment):
        CopyPrune(
            cdk.Stack.of(plan),
            "Copy",
            copy=double,
            original=store.arns,
            original_region=home.name,
            log_group=first.logs.functions,
            topic=topic,
        )
    jobs = _jobs(
        databases[-1],
        store,
        _topic(store, home),
        copy=copy,
        plan_role=cross_region(plan.plain_role_arn),
    )
    # What fills a store by its ARN needs it to be there.
    cdk.Stack.of(store).add_stack_dependency(cdk.Stack.of(double))
    jobs.add_stack_dependency(cdk.Stack.of(double))
    jobs.add_stack_dependency(cdk.Stack.of(plan))
    cdk.Stack.of(plan).add_stack_dependency(cdk.Stack.of(store))


def _topic(store: BackupStore, context: RegionContext) -> sns.ITopic:
    """Return the topic of a Region's backups, in the stack that stays while others are replaced."""
    made = AlarmTopic(
        cdk.Stack.of(store),
        "Messages",
        display_name=f"mainstay {context.environment.name}: backups",
        description="Subscribe whoever is on call: backups that failed or are too old",
        removal_policy=context.removal_policy,
    )
    return as_topic(made.topic)


def _store(context: RegionContext, *, other: BackupStore | None) -> BackupStore:
    """Return the store of a Region. Nothing there is deleted by a deploy, what is locked by nobody.

    The one without `other`, where there is a standby, holds the copies.
    """
    environment, backups = context.environment, context.environment.backups
    name = f"mainstay-{environment.name}-{environment.account}"  # bucket names are the world's
    end = "" if other is not None or environment.standby is None else "-copy"
    return BackupStore(
        context.stack("Backups", "where backups lie", stateful=True),
        "Store",
        archive_name=f"{name}-archive{end}",
        dumps_name=f"{name}-dumps{end}",
        access_logs=context.logs.access,
        locked=environment.keep_data,
        dump_days=backups.dump_days,
        vault_days=backups.vault_days,
        other=None if other is None else other.arns,
    )


def _jobs(
    databases: RegionDatabases,
    store: BackupStore,
    topic: sns.ITopic,
    *,
    copy: Copy | None,
    plan_role: str,
) -> cdk.Stack:
    context, environment = databases.context, databases.context.environment
    backups, log_group = environment.backups, context.logs.functions
    stack = context.stack("BackupJobs", "what makes backups", stateful=False)
    series = _series(environment)
    if series:
        SnapshotJob(
            stack,
            "Snapshots",
            environment_name=environment.name,
            keep=_keep(backups.snapshots),
            volume_key=context.keys.entity,
            copy=copy,
            log_group=log_group,
        )
        ArchiveMachine(
            stack,
            "Archive",
            environment_name=environment.name,
            store=store,
            volume_key=context.keys.entity,
            retain_days=backups.archive_days,
            # After midnight's snapshot, the first of its day, which both Regions keep longest.
            schedule=scheduler.ScheduleExpression.cron(minute="40", hour="0"),
            log_group=log_group,
        )
    SessionExports(
        stack,
        "Sessions",
        store=store,
        table_name=session_table_name(environment),
        table_key_arn=context.keys.session.key_arn,
        lock_days=backups.dump_days if environment.keep_data else None,
        log_group=log_group,
    )
    DumpTasks(
        stack,
        "Dumps",
        network=context.network,
        image=environment.dump_image or DUMP_IMAGE,
        store=store,
        sources=_sources(databases),
        archived=bool(series),
        retain_days=backups.dump_days,
        work_gib=backups.work_gib,
        log_group=log_group,
    )
    BackupAges(stack, "Ages", environment_name=environment.name, store=store, log_group=log_group)
    BackupAlarms(
        stack,
        "Alarms",
        environment_name=environment.name,
        series=series,
        stores=("entity", "transaction", "session"),
        copied=copy is not None,
        limits=Limits(
            snapshot=cdk.Duration.hours(3),
            daily=cdk.Duration.hours(36),
            proof=cdk.Duration.days(backups.proof_days),
        ),
        topic=topic,
    )
    FailedJobs(stack, "Failed", role_arn=plan_role, topic=topic)
    return stack


def _series(environment: Environment) -> tuple[str, ...]:
    """Return the values of the tag on the volumes that are snapshotted and archived."""
    return ("follower", "delayed") if environment.databases.delayed is not None else ()


def _plan(context: RegionContext, store: BackupStore, *, copy_vault: str | None) -> BackupPlan:
    environment = context.environment
    about = "AWS Backup of the managed stores, and the prune of copies"
    stack = context.stack("BackupPlan", about, stateful=False)
    return BackupPlan(
        stack,
        "Plan",
        name=f"mainstay-{environment.name}",
        vault=store.vault,
        copy_vault_arn=copy_vault,
        keep=cdk.Duration.days(environment.backups.vault_days),
        clusters=_clusters(environment),
        table=session_table_name(environment),
        network=context.network,
        zone_ids=context.region.zone_ids,
    )


def _sources(databases: RegionDatabases) -> tuple[DumpSource, ...]:
    """Return what has portable dumps, and from where: the follower, else a reader; never a master.

    A store of reports is filled anew from the transactions.
    """
    nodes, keys = databases.operable.nodes, databases.context.keys
    follower = nodes.get("FOLLOWER")
    entity, transaction = databases.entity.readers[0], databases.transaction.readers[0]
    return (
        DumpSource(
            store="entity",
            host=follower.host if follower else entity.reader,
            secret_name=(follower or nodes["ENTITY_A"]).secret_name,
            secret_key=keys.entity,
            certified=follower is None,
        ),
        DumpSource(
            store="transaction",
            host=transaction.reader,
            secret_name=nodes["TRANSACTION"].secret_name,
            secret_key=keys.transaction,
            certified=True,
        ),
    )


def _clusters(environment: Environment) -> tuple[str, ...]:
    """Return the clusters of the primary Region, one per store: master B holds what A does."""
    reports = isinstance(environment.databases.reporting, ReportingCluster)
    parts = ("EntityA", "Transaction", *(("Reporting",) if reports else ()))
    return tuple(cluster_name(environment, part) for part in parts)


def _keep(keep: config.Keep) -> SnapshotRetention:
    return SnapshotRetention(
        hourly=keep.hourly, daily=keep.daily, weekly=keep.weekly, monthly=keep.monthly
    )

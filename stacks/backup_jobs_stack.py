"""What makes backups and says how old they are, in the Region where the replicas stand."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from mainstay.backup.ages import BackupAges
from mainstay.backup.alarms import BackupAlarms, Limits
from mainstay.backup.archive_machine import ArchiveMachine
from mainstay.backup.backup_store import BackupStore
from mainstay.backup.dump_tasks import DumpTasks, Source
from mainstay.backup.session_exports import SessionExports
from mainstay.backup.snapshot_job import Copy, Keep, SnapshotJob
from mainstay.network.network import Network
from mainstay.stateless.image import ImageSource


class BackupJobsStack(cdk.Stack):
    """Stateless. `series` are the values of the tag on the volumes that are snapshotted."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_name: str,
        env: cdk.Environment,
        store: BackupStore,
        series: tuple[str, ...],
        stores: tuple[str, ...],
        snapshots: Keep,
        copy: Copy | None,
        volume_key: kms.IKey,
        archive_days: int,
        session_table: str,
        session_key: kms.IKey,
        lock_days: int | None,
        proof_days: int,
        network: Network,
        image: ImageSource,
        sources: tuple[Source, ...],
        dump_days: int,
        work_gib: int,
        log_group: logs.ILogGroup,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name,
            env=env,
            description="mainstay: what makes backups",
        )
        if series:
            SnapshotJob(
                self,
                "Snapshots",
                keep=snapshots,
                volume_key=volume_key,
                copy=copy,
                log_group=log_group,
            )
            ArchiveMachine(
                self,
                "Archive",
                store=store,
                volume_key=volume_key,
                retain_days=archive_days,
                # After midnight's snapshot, the first of its day, which both Regions keep longest.
                schedule=scheduler.ScheduleExpression.cron(minute="40", hour="0"),
                log_group=log_group,
            )
        SessionExports(
            self,
            "Sessions",
            store=store,
            table_name=session_table,
            table_key_arn=session_key.key_arn,
            lock_days=lock_days,
            log_group=log_group,
        )
        DumpTasks(
            self,
            "Dumps",
            network=network,
            image=image,
            store=store,
            sources=sources,
            archived=bool(series),
            retain_days=dump_days,
            work_gib=work_gib,
            log_group=log_group,
        )
        BackupAges(self, "Ages", store=store, log_group=log_group)
        BackupAlarms(
            self,
            "Alarms",
            series=series,
            stores=stores,
            copied=copy is not None,
            limits=Limits(
                snapshot=cdk.Duration.hours(3),
                daily=cdk.Duration.hours(36),
                proof=cdk.Duration.days(proof_days),
            ),
        )

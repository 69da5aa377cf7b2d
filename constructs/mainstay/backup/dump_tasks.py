"""Portable dumps of the relational stores, drills that restore them, and the prune."""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from mainstay.acknowledge import acknowledge
from mainstay.backup.backup_store import BackupStore
from mainstay.backup.backup_task import BackupTask
from mainstay.database.store_access import CERTIFICATES
from mainstay.database.store_kind import DATABASE
from mainstay.network.network import Network
from mainstay.stateless.image import ImageSource, container_image


@dataclass(frozen=True, kw_only=True)
class DumpSource:
    """The replica that a store is dumped from, and whose login."""

    store: str
    host: str
    secret_name: str
    secret_key: kms.IKey
    certified: bool  # a server of ours signs its certificate itself


class DumpTasks(Construct):
    """Each night a dump of every source; each week the newest of everything is restored.

    Three kinds of role: who dumps can write dumps and delete nothing, who drills can read
    everything and write evidence, who prunes can delete from the archive and write nothing.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        network: Network,
        image: ImageSource,
        store: BackupStore,
        sources: tuple[DumpSource, ...],
        archived: bool,
        retain_days: int,
        work_gib: int,
        log_group: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        self._store = store
        self._parts = {
            "cluster": ecs.Cluster(
                self,
                "Cluster",
                vpc=network.vpc,
                container_insights_v2=ecs.ContainerInsights.ENHANCED,
            ),
            "network": network,
            "image": container_image(
                self, "Image", image, platform=ecr_assets.Platform.LINUX_AMD64
            ),
            "work_gib": work_gib,
            "log_group": log_group,
        }
        days = str(retain_days)
        for minute, source in enumerate(sources):
            # One after the other, behind midnight: what a day ended with.
            self._dump(source, days, minute=20 * minute)
        self._drill([source.store for source in sources], days, archived=archived)
        if archived:
            self._prune()

    def _dump(self, source: DumpSource, days: str, *, minute: int) -> None:
        mode = f"verify-full sslrootcert={CERTIFICATES}" if source.certified else "require"
        server = f"host={source.host} port=5432 dbname={DATABASE} sslmode={mode}"
        task = BackupTask(
            self,
            f"Dump{source.store.capitalize()}",
            command=[
                *("dumps", "dump", "--store", source.store),
                *("--bucket", self._store.dumps.bucket_name),
                *("--database", server, "--secret", source.secret_name),
                # A start that the scheduler repeats finds that there is nothing to do.
                *("--retain-days", days, "--unless-younger-hours", "12", "--workers", "2"),
            ],
            schedule=scheduler.ScheduleExpression.cron(minute=str(minute), hour="1"),
            description=f"Dumps the {source.store} store",
            **self._parts,
        )
        self._store.grant_dump(task.role, "dumps")
        stack = cdk.Stack.of(self)
        task.role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["secretsmanager:GetSecretValue"],
                # By name, for a copy of a secret has no reference; an ARN ends with six letters.
                resources=[
                    f"arn:aws:secretsmanager:{stack.region}:{stack.account}:secret:"
                    f"{source.secret_name}-??????"
                ],
            )
        )
        source.secret_key.grant_decrypt(task.role)
        acknowledge(task.role, self._store.acknowledged(self._store.dumps, "dumps/*"))

    def _drill(self, stores: list[str], days: str, *, archived: bool) -> None:
        archive = ["--archive-bucket", self._store.archive.bucket_name] if archived else []
        task = BackupTask(
            self,
            "Drill",
            command=[
                *("dumps", "drill", "--store", ",".join(stores)),
                *("--bucket", self._store.dumps.bucket_name, *archive, "--retain-days", days),
            ],
            schedule=scheduler.ScheduleExpression.cron(minute="0", hour="5", week_day="SUN"),
            description="Restores the newest dumps and archives into scratch, and proves them",
            **self._parts,
        )
        self._store.grant_prove(task.role)
        acknowledge(
            task.role,
            {
                finding: reason
                for bucket in (self._store.archive, self._store.dumps)
                for pattern in ("*", "proofs/*")
                for finding, reason in self._store.acknowledged(bucket, pattern).items()
            },
        )

    def _prune(self) -> None:
        task = BackupTask(
            self,
            "Prune",
            command=["dumps", "prune", "--bucket", self._store.archive.bucket_name],
            schedule=scheduler.ScheduleExpression.cron(minute="0", hour="9"),
            description="Deletes from the archive what has expired and no backup needs",
            **self._parts,
        )
        self._store.grant_prune(task.role)
        acknowledge(task.role, self._store.acknowledged(self._store.archive, "*"))

"""An alarm for each backup and each proof that is older than it may be."""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from mainstay.backup.metrics import BackupMetrics
from mainstay.interfaces import alarm_action


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The oldest that the newest may be."""

    snapshot: cdk.Duration
    daily: cdk.Duration  # archives, dumps, exports, and copies of snapshots
    proof: cdk.Duration


class BackupAlarms(Construct):
    """A missing age is an alarm too: what is not measured is not there.

    So a new environment is in alarm until its first backups and its first drills are done.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment_name: str,
        series: tuple[str, ...],
        stores: tuple[str, ...],
        copied: bool,
        limits: Limits,
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        self._topic = topic
        metrics = BackupMetrics(environment_name)
        of_series = [
            ("Snapshot", metrics.maximum_snapshot_age_in_seconds, limits.snapshot),
            ("Archive", metrics.maximum_archive_age_in_seconds, limits.daily),
            ("ArchiveProof", metrics.maximum_archive_proof_age_in_seconds, limits.proof),
        ]
        if copied:
            of_series.append(("Copy", metrics.maximum_snapshot_copy_age_in_seconds, limits.daily))
        of_stores = [
            ("Dump", metrics.maximum_dump_age_in_seconds, limits.daily),
            ("DumpProof", metrics.maximum_dump_proof_age_in_seconds, limits.proof),
        ]
        for kinds, names in ((of_series, series), (of_stores, stores)):
            for kind, metric, limit in kinds:
                group = Construct(self, kind)
                for name in names:
                    if kind == "DumpProof" and name == "session":
                        continue  # an export is JSON; AWS Backup's own tests restore the table
                    self._alarm(group, name, kind, metric(name), limit)

    def _alarm(
        self,
        scope: Construct,
        name: str,
        kind: str,
        metric: cloudwatch.Metric,
        limit: cdk.Duration,
    ) -> None:
        alarm = cloudwatch.Alarm(
            scope,
            name.capitalize(),
            alarm_description=f"{kind} of {name}: the newest is older than "
            f"{limit.to_human_string()}: docs/runbooks/backup-too-old.md",
            metric=metric,
            threshold=limit.to_seconds(),
            evaluation_periods=2,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
        )
        alarm.add_alarm_action(alarm_action(self._topic))

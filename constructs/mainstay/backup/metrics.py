"""The ages of the newest backup and the newest proof of each kind; alarms are on these alone."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from mainstay.environment_names import metric_namespace

_PERIOD = cdk.Duration.minutes(30)  # twice as long as between two data points


def backup_namespace(environment_name: str) -> str:
    """Return where the jobs put the ages, which is their variable METRICS."""
    return metric_namespace(environment_name, "Backups")


class BackupMetrics:
    """In the Region where the jobs run, for the stack where an alarm uses them.

    `series` is the value of a volume's tag; `store` one of entity, transaction, session, ...
    """

    def __init__(self, environment_name: str) -> None:
        self._namespace = backup_namespace(environment_name)

    def maximum_snapshot_age_in_seconds(self, series: str) -> cloudwatch.Metric:
        return self._metric("SnapshotAge", Series=series)

    def maximum_snapshot_copy_age_in_seconds(self, series: str) -> cloudwatch.Metric:
        """In the second Region."""
        return self._metric("SnapshotCopyAge", Series=series)

    def maximum_archive_age_in_seconds(self, series: str) -> cloudwatch.Metric:
        return self._metric("ArchiveAge", Of=series)

    def maximum_dump_age_in_seconds(self, store: str) -> cloudwatch.Metric:
        return self._metric("DumpAge", Of=store)

    def maximum_archive_proof_age_in_seconds(self, series: str) -> cloudwatch.Metric:
        """Since an archive was last restored and found right."""
        return self._metric("ArchiveProofAge", Of=series)

    def maximum_dump_proof_age_in_seconds(self, store: str) -> cloudwatch.Metric:
        """Since a dump was last restored and found right."""
        return self._metric("DumpProofAge", Of=store)

    def _metric(self, name: str, **dimensions: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=self._namespace,
            metric_name=name,
            dimensions_map=dimensions,
            statistic="Maximum",
            period=_PERIOD,
        )

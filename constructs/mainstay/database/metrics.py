"""The databases' metrics that alarms are made of.

Names carry the statistic and the unit. Those of AWS are per cluster; those of
`database_namespace` are written by `python -m service.operations lag --publish <environment>`,
which a schedule starts.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from mainstay.environment_names import metric_namespace

_MINUTE = cdk.Duration.minutes(1)
MEASURED_EVERY = cdk.Duration.minutes(5)  # those of operations: a task of half a minute each


def database_namespace(environment_name: str) -> str:
    """Return where operations put what they measure (service/operations/lag.py)."""
    return metric_namespace(environment_name, "Databases")


class ClusterMetrics:
    """The metrics of one Aurora cluster, in the Region of the stack where an alarm uses them."""

    def __init__(self, cluster_identifier: str) -> None:
        self._cluster = cluster_identifier

    def maximum_copy_loss_in_millis(self) -> cloudwatch.Metric:
        """Return what a failover to the copy would lose now; only a copy's Region has it."""
        return self._metric("AuroraGlobalDBRPOLag", "Maximum")

    def maximum_slot_lag_in_bytes(self) -> cloudwatch.Metric:
        """Return the log that the slowest logical slot makes the cluster keep."""
        return self._metric("OldestReplicationSlotLag", "Maximum")

    def minimum_writer_uptime_in_seconds(self) -> cloudwatch.Metric:
        """Return the writer's uptime: missing while none writes, small after a restart."""
        return self._metric("EngineUptime", "Minimum", Role="WRITER")

    def _metric(self, name: str, statistic: str, **dimensions: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/RDS",
            metric_name=name,
            dimensions_map={"DBClusterIdentifier": self._cluster, **dimensions},
            statistic=statistic,
            period=_MINUTE,
        )


class ReplicaMetrics:
    """The metrics of one logical or standby replica, as operations measure it.

    `replica` is <subscriber>_from_<publisher>, such as entity_b_from_entity_a, or "delayed".
    """

    def __init__(self, environment_name: str, replica: str) -> None:
        self._namespace = database_namespace(environment_name)
        self._dimensions = {"Environment": environment_name, "Replica": replica}

    def maximum_lag_in_seconds(self) -> cloudwatch.Metric:
        return self._metric("ReplicaLag", "Maximum")

    def maximum_broken(self) -> cloudwatch.Metric:
        """Return 1 where it does not answer, its subscription is off, or its delay is too small."""
        return self._metric("ReplicaBroken", "Maximum")

    def _metric(self, name: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=self._namespace,
            metric_name=name,
            dimensions_map=self._dimensions,
            statistic=statistic,
            period=_MINUTE,
        )

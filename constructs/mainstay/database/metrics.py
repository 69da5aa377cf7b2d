"""What there is to watch of the databases, as metrics; which of them alarm, monitoring decides.

Names carry the statistic and the unit. Those of AWS are per cluster; those of the namespace
below are written by `python -m service.operations lag --publish <environment>`, which
ReplicationMeasure starts.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

NAMESPACE = "Mainstay/Databases"
_MINUTE = cdk.Duration.minutes(1)
MEASURED_EVERY = cdk.Duration.minutes(5)  # those of operations: a task of half a minute each


class ClusterMetrics:
    """Of one Aurora cluster, in the Region of the stack where an alarm uses them."""

    def __init__(self, cluster_identifier: str) -> None:
        self._cluster = cluster_identifier

    def maximum_reader_lag_in_millis(self) -> cloudwatch.Metric:
        """The slowest reader of the cluster behind its writer."""
        return self._metric("AuroraReplicaLagMaximum", "Maximum")

    def maximum_copy_lag_in_millis(self) -> cloudwatch.Metric:
        """A copy behind the first of its global database; only a copy's Region has it."""
        return self._metric("AuroraGlobalDBReplicationLag", "Maximum")

    def maximum_copy_loss_in_millis(self) -> cloudwatch.Metric:
        """What a failover to the copy would lose at this moment; only a copy's Region has it."""
        return self._metric("AuroraGlobalDBRPOLag", "Maximum")

    def maximum_slot_lag_in_bytes(self) -> cloudwatch.Metric:
        """The log that the slowest logical slot makes the cluster keep."""
        return self._metric("OldestReplicationSlotLag", "Maximum")

    def maximum_log_on_disk_in_bytes(self) -> cloudwatch.Metric:
        return self._metric("TransactionLogsDiskUsage", "Maximum")

    def minimum_writer_uptime_in_seconds(self) -> cloudwatch.Metric:
        """Of the instance that writes; missing while none does, small after a restart."""
        return self._metric("EngineUptime", "Minimum", Role="WRITER")

    def average_cpu_in_percent(self) -> cloudwatch.Metric:
        return self._metric("CPUUtilization", "Average")

    def maximum_connections(self) -> cloudwatch.Metric:
        return self._metric("DatabaseConnections", "Maximum")

    def sum_deadlocks_per_second(self) -> cloudwatch.Metric:
        return self._metric("Deadlocks", "Sum")

    def maximum_transaction_ids_used(self) -> cloudwatch.Metric:
        """Above 2,000 million the cluster refuses writes: vacuum is held back by something."""
        return self._metric("MaximumUsedTransactionIDs", "Maximum")

    def _metric(self, name: str, statistic: str, **dimensions: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/RDS",
            metric_name=name,
            dimensions_map={"DBClusterIdentifier": self._cluster, **dimensions},
            statistic=statistic,
            period=_MINUTE,
        )


class ReplicaMetrics:
    """Of one replica that logical replication or a standby keeps, as operations measure it.

    `replica` is <subscriber>_from_<publisher>, such as entity_b_from_entity_a, or "delayed".
    """

    def __init__(self, environment_name: str, replica: str) -> None:
        self._dimensions = {"Environment": environment_name, "Replica": replica}

    def maximum_lag_in_seconds(self) -> cloudwatch.Metric:
        return self._metric("ReplicaLag", "Maximum")

    def maximum_lag_in_bytes(self) -> cloudwatch.Metric:
        return self._metric("ReplicaLagBytes", "Maximum")

    def maximum_retained_in_bytes(self) -> cloudwatch.Metric:
        """What its slot makes the publisher keep."""
        return self._metric("SlotRetainedBytes", "Maximum")

    def maximum_errors(self) -> cloudwatch.Metric:
        """Conflicts and failures since the subscription's counters were reset; growth alarms."""
        return self._metric("SubscriptionErrors", "Maximum")

    def minimum_delay_in_seconds(self) -> cloudwatch.Metric:
        """Of the delayed replica: below its target a mistake reaches it too soon."""
        return self._metric("ReplicaDelay", "Minimum")

    def maximum_broken(self) -> cloudwatch.Metric:
        """1 where the replica does not answer, its subscription is off, or its delay too small."""
        return self._metric("ReplicaBroken", "Maximum")

    def _metric(self, name: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=name,
            dimensions_map=self._dimensions,
            statistic=statistic,
            period=_MINUTE,
        )


class IntegrationMetrics:
    """Of a zero-ETL integration (Amazon Redshift Management Guide, "Metrics for zero-ETL")."""

    def __init__(self, integration_id: str) -> None:
        self._dimensions = {"IntegrationID": integration_id}

    def maximum_lag_in_seconds(self) -> cloudwatch.Metric:
        return self._metric("IntegrationLag")

    def maximum_failed_tables(self) -> cloudwatch.Metric:
        return self._metric("IntegrationNumTablesFailedReplication")

    def _metric(self, name: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/Redshift",
            metric_name=name,
            dimensions_map=self._dimensions,
            statistic="Maximum",
            period=_MINUTE,
        )


class SessionMetrics:
    """Of the session table in one Region."""

    def __init__(self, table_name: str) -> None:
        self._table = table_name

    def maximum_replication_in_millis(self, receiving_region: str) -> cloudwatch.Metric:
        """From this Region's write to the other's read; AWS promises no figure."""
        return self._metric("ReplicationLatency", "Maximum", ReceivingRegion=receiving_region)

    def sum_throttled_writes(self) -> cloudwatch.Metric:
        """Above zero the ceiling of the configuration is too low, or somebody floods."""
        return self._metric("WriteThrottleEvents", "Sum")

    def _metric(self, name: str, statistic: str, **dimensions: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/DynamoDB",
            metric_name=name,
            dimensions_map={"TableName": self._table, **dimensions},
            statistic=statistic,
            period=_MINUTE,
        )

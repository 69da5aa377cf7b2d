"""Counts what an account holds already against its quotas, without the environment's stacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from deploy.clients import AwsClients
from deploy.live import LiveResource
from deploy.quotas.needs import (
    COUNTED,
    DB_CLUSTERS,
    DB_INSTANCES,
    ELASTIC_IPS,
    FARGATE_VCPU,
    NETWORKS,
    ServiceQuota,
)

_USAGE_PERIOD = timedelta(minutes=5)  # how often AWS/Usage has a new value
_SERVICES_PER_CALL = 10  # of ecs:DescribeServices


class Usage:
    """Counts by Region. `own` is every resource of the environment's stacks that stand."""

    def __init__(self, clients: AwsClients, own: Iterable[LiveResource], now: datetime) -> None:
        self._clients, self._own, self._now = clients, tuple(own), now

    def of_others(self, quota: ServiceQuota, region: str, metric: dict[str, Any] | None) -> float:
        """Return how much of a quota others take; `metric` is the quota's UsageMetric."""
        if quota is FARGATE_VCPU:
            return max(0.0, self._measured(region, metric) - self._own_vcpu(region))
        kinds = [kind for kind, counted in COUNTED.items() if counted is quota]
        own = sum(r.type in kinds and r.region == region for r in self._own)
        return max(0, _COUNTS[quota](self._clients, region) - own)

    def _measured(self, region: str, metric: dict[str, Any] | None) -> float:
        if metric is None:
            return 0
        dimensions = metric["MetricDimensions"]
        answer = self._clients("cloudwatch", region).get_metric_statistics(
            Namespace=metric["MetricNamespace"],
            MetricName=metric["MetricName"],
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=self._now - 3 * _USAGE_PERIOD,
            EndTime=self._now,
            Period=int(_USAGE_PERIOD.total_seconds()),
            Statistics=["Maximum"],
        )
        return max((point["Maximum"] for point in answer["Datapoints"]), default=0)

    def _own_vcpu(self, region: str) -> float:
        ecs = self._clients("ecs", region)
        by_cluster: dict[str, list[str]] = {}
        for resource in self._own:
            if resource.type == "AWS::ECS::Service" and resource.region == region:
                # arn:aws:ecs:<region>:<account>:service/<cluster>/<service>
                cluster = resource.physical_id.split("/")[-2]
                by_cluster.setdefault(cluster, []).append(resource.physical_id)
        total, size = 0.0, _SERVICES_PER_CALL
        for cluster, arns in by_cluster.items():
            for group in (arns[start : start + size] for start in range(0, len(arns), size)):
                found = ecs.describe_services(cluster=cluster, services=group)["services"]
                total += sum(one["runningCount"] * _vcpu(ecs, one) for one in found)
        return total


def _vcpu(ecs: Any, service: dict[str, Any]) -> float:
    task = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])
    return int(task["taskDefinition"].get("cpu", 0)) / 1_024


def _pages(clients: AwsClients, region: str, service: str, operation: str, key: str) -> int:
    pages = clients(service, region).get_paginator(operation).paginate()
    return sum(len(page[key]) for page in pages)


def _addresses(clients: AwsClients, region: str) -> int:
    return len(clients("ec2", region).describe_addresses()["Addresses"])  # it has no pages


_COUNTS: dict[ServiceQuota, Callable[[AwsClients, str], int]] = {
    ELASTIC_IPS: _addresses,
    NETWORKS: lambda clients, region: _pages(clients, region, "ec2", "describe_vpcs", "Vpcs"),
    DB_INSTANCES: lambda clients, region: _pages(
        clients, region, "rds", "describe_db_instances", "DBInstances"
    ),
    DB_CLUSTERS: lambda clients, region: _pages(
        clients, region, "rds", "describe_db_clusters", "DBClusters"
    ),
}

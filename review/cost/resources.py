"""The cost of a resource's being there, by its type: price keys and quantities of a month."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from assembly.stack import Stack
from review.cost.backups import BACKUP_KINDS, backup_quantities
from review.cost.databases import DATABASE_KINDS, HOURS, database_quantities
from review.cost.prices import PriceList
from review.summary.tiers import services

Properties = dict[str, Any]
Quantity = tuple[str, float]  # a key of prices.toml, and how many of its units a month


def quantities(stack: Stack, prices: PriceList) -> Iterator[Quantity]:
    """Yield what the stack's resources cost a month, whether or not anybody calls."""
    for kind, rule in _BY_PROPERTIES.items():
        for properties in stack.of_type(kind).values():
            yield from rule(properties)
    yield from _tasks(stack, prices)
    yield from database_quantities(stack, prices)
    yield from backup_quantities(stack, prices)


def is_known(kind: str, prices: PriceList) -> bool:
    """Return whether a type is priced or free; a custom resource is its function's call."""
    priced = kind in {*_BY_PROPERTIES, *_TASKS, *_BY_TRAFFIC, *DATABASE_KINDS, *BACKUP_KINDS}
    return priced or kind in prices.free or kind.startswith("Custom::")


def _load_balancer(properties: Properties) -> Iterator[Quantity]:
    yield "balancer", HOURS
    if properties.get("Scheme") == "internet-facing":
        yield "public_address", HOURS * len(properties["Subnets"])  # a node in each


def _endpoint(properties: Properties) -> Iterator[Quantity]:
    if properties.get("VpcEndpointType") == "Interface":
        yield "endpoint", HOURS * len(properties["SubnetIds"])


def _health_check(properties: Properties) -> Iterator[Quantity]:
    config = properties["HealthCheckConfig"]
    yield "health_check", 1
    options = (
        config["Type"].startswith("HTTPS"),
        config["Type"].endswith("STR_MATCH"),
        config.get("RequestInterval") == 10,
        config.get("MeasureLatency", False),
    )
    if any(options):
        yield "health_check_option", sum(options)


def _web_acl(properties: Properties) -> Iterator[Quantity]:
    yield "firewall", 1
    yield "firewall_rule", len(properties.get("Rules", ()))


def _alarm(properties: Properties) -> Iterator[Quantity]:
    """Yield an alarm; metric math is charged by the metrics that go into it."""
    metrics = sum("MetricStat" in metric for metric in properties.get("Metrics", ()))
    yield "alarm_metric", max(1, metrics)


def _scaling_policy(properties: Properties) -> Iterator[Quantity]:
    if properties.get("PolicyType") == "TargetTrackingScaling":
        yield "alarm_metric", 2  # autoscaling makes one to scale out and one to scale in


def _schedule(properties: Properties) -> Iterator[Quantity]:
    """A task each few minutes, billed for a minute at least; nightly ones are not worth a line."""
    rate = re.fullmatch(r"rate\((\d+) minutes\)", properties["ScheduleExpression"])
    if rate and "EcsParameters" in properties["Target"]:
        yield "task_minute", HOURS * 60 / int(rate[1])


_BY_PROPERTIES: dict[str, Callable[[Properties], Iterator[Quantity]]] = {
    "AWS::ApplicationAutoScaling::ScalingPolicy": _scaling_policy,
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::CloudWatch::CompositeAlarm": lambda _: iter([("composite_alarm", 1.0)]),
    "AWS::EC2::EIP": lambda _: iter([("public_address", HOURS)]),
    "AWS::EC2::NatGateway": lambda _: iter([("nat", HOURS)]),
    "AWS::EC2::VPCEndpoint": _endpoint,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _load_balancer,
    "AWS::KMS::Key": lambda _: iter([("key", 1.0)]),
    "AWS::Logs::MetricFilter": lambda _: iter([("custom_metric", 1.0)]),
    "AWS::Route53::HealthCheck": _health_check,
    "AWS::Route53::HostedZone": lambda _: iter([("zone", 1.0)]),
    "AWS::Scheduler::Schedule": _schedule,  # starting is free, up to 14 million a month
    "AWS::WAFv2::WebACL": _web_acl,
}
# Priced by what the tasks are, below, and by what passes, in review.cost.traffic.
_TASKS = ("AWS::ECS::Cluster", "AWS::ECS::Service")
_BY_TRAFFIC = (
    "AWS::EC2::FlowLog",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::WAFv2::LoggingConfiguration",
)


def _tasks(stack: Stack, prices: PriceList) -> Iterator[Quantity]:
    """Yield tasks at their floor; the clusters of a stack are watched alike."""
    watched = [
        {"Name": "containerInsights", "Value": "enhanced"} in cluster.get("ClusterSettings", ())
        for cluster in stack.of_type("AWS::ECS::Cluster").values()
    ]
    yield from (("insights_metric", prices.assume("insights_per_cluster")) for on in watched if on)
    for service in services(stack):
        yield "fargate_vcpu", HOURS * service.floor * service.vcpu
        yield "fargate_memory", HOURS * service.floor * service.memory_gb
        if any(watched):
            per_task = prices.assume("insights_per_task")
            yield "insights_metric", prices.assume("insights_per_service")
            yield "insights_metric", service.floor * per_task

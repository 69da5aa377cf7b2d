"""The metrics of the databases: each names its statistic and unit, and is what somebody writes."""

from __future__ import annotations

import inspect
import re

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch

from mainstay.database.metrics import (
    ClusterMetrics,
    ReplicaMetrics,
    database_namespace,
)

FAMILIES = {
    ClusterMetrics("mainstay-test-entity-a"): ("AWS/RDS", {"DBClusterIdentifier"}),
    ReplicaMetrics("test", "delayed"): (database_namespace("test"), {"Environment", "Replica"}),
}


def metrics(family: object) -> dict[str, cloudwatch.Metric]:
    """Every public method's metric, by the method's name."""
    made = {}
    for name, method in inspect.getmembers(family, inspect.ismethod):
        if not name.startswith("_"):
            made[name] = method()
    return made


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: type(family).__name__)
def test_every_metric_is_found_by_its_dimensions_and_named_for_its_statistic(family):
    namespace, dimensions = FAMILIES[family]
    found = metrics(family)
    assert found
    for name, metric in found.items():
        assert metric.namespace == namespace
        assert dimensions <= set(metric.dimensions or ())
        assert name.startswith(metric.statistic.lower()), name


def test_no_two_methods_are_the_same_metric():
    seen = [
        (metric.namespace, metric.metric_name, metric.statistic)
        for family in FAMILIES
        for metric in metrics(family).values()
    ]
    assert len(seen) == len(set(seen))


def test_an_alarm_can_be_made_of_each(stack: cdk.Stack, made):
    for number, family in enumerate(FAMILIES):
        for name, metric in metrics(family).items():
            metric.create_alarm(stack, f"{name}{number}", threshold=1, evaluation_periods=1)
    alarms = made("AWS::CloudWatch::Alarm").values()
    assert {alarm["Period"] for alarm in alarms} == {60}
    for alarm in alarms:
        assert re.fullmatch(r"[A-Za-z]+", alarm["MetricName"])

"""The switch that takes the *other* Region out of DNS, kept where its failure cannot reach."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from mainstay.acknowledge import acknowledge

METRIC = "RegionLeft"


def exit_alarm_name(environment_name: str, leaving_region: str) -> str:
    """The alarm's physical name, by which the leaving Region's health check knows it."""
    return f"mainstay-{environment_name}-{leaving_region}-left"


def exit_namespace(environment_name: str) -> str:
    """Return the namespace of the metric whose data points are the switch."""
    return f"mainstay/{environment_name}"


class RegionExit(Construct):
    """An alarm in this Region that a person sets to take `leaving_region` out of DNS.

    Putting one data point, 1 to leave and 0 to return, is the whole act: no record and no health
    check is edited, so it works while the control plane of Route 53, in us-east-1, is away. The
    alarm stands in the Region that stays, and keeps its state when no further data comes.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment_name: str,
        leaving_region: str,
    ) -> None:
        super().__init__(scope, construct_id)
        namespace = exit_namespace(environment_name)
        metric = cloudwatch.Metric(
            namespace=namespace,
            metric_name=METRIC,
            dimensions_map={"Region": leaving_region},
            statistic=cloudwatch.Stats.MAXIMUM,
            period=cdk.Duration.minutes(1),
        )
        self.alarm = cloudwatch.Alarm(
            self,
            "Left",
            alarm_name=exit_alarm_name(environment_name, leaving_region),
            alarm_description=f"{leaving_region} is out of DNS by a person's word: "
            "docs/runbooks/region-leaves-dns.md",
            metric=metric,
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.IGNORE,
        )
        acknowledge(
            self.alarm,
            {
                "NIST.800.53.R5-CloudWatchAlarmAction": "A Route 53 health check reads this "
                "alarm's metric directly; it is set by a person's command, and an action on it "
                "would notify that same person of what they just did.",
            },
        )
        here = cdk.Stack.of(self).region
        for name, value, effect in (("Leave", 1, "leaves"), ("Return", 0, "returns to")):
            cdk.CfnOutput(
                self,
                name,
                description=f"The command by which {leaving_region} {effect} DNS",
                value=f"aws cloudwatch put-metric-data --region {here} --namespace {namespace} "
                f"--metric-name {METRIC} --dimensions Region={leaving_region} --value {value}",
            )

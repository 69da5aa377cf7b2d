"""Alarms on the signatures of the DNS zone: without them, resolvers refuse every name of it."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_route53 as route53
from constructs import Construct

from mainstay.alarm_topic import AlarmTopic

_RUNBOOK = "docs/runbooks/delegation.md"
# Route 53 measures once in four hours (Route 53 Developer Guide, "Monitoring hosted zones using
# Amazon CloudWatch").
_PERIOD = cdk.Duration.hours(4)
# Route 53 changes the zone-signing key by itself and never the key-signing key, whose hash stands
# at the parent: a person changes that, once in two years.
_KEY_AGE = cdk.Duration.days(730)


class SigningAlarms(Construct):
    """Stands in us-east-1, where Route 53 measures every zone."""

    def __init__(
        self, scope: Construct, construct_id: str, *, zone: route53.IHostedZone, topic: AlarmTopic
    ) -> None:
        super().__init__(scope, construct_id)

        def alarm(construct_id: str, metric: str, threshold: float, what: str) -> cloudwatch.Alarm:
            return cloudwatch.Alarm(
                self,
                construct_id,
                alarm_description=f"{what}: {_RUNBOOK}",
                metric=cloudwatch.Metric(
                    namespace="AWS/Route53",
                    metric_name=metric,
                    dimensions_map={"HostedZoneId": zone.hosted_zone_id},
                    statistic="Maximum",
                    period=_PERIOD,
                ),
                threshold=threshold,
                evaluation_periods=1,
                comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
                treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            )

        topic.notify(
            alarm("Failure", "DNSSECInternalFailure", 0, "Route 53 cannot sign the zone"),
            alarm(
                "NeedsAction",
                "DNSSECKeySigningKeysNeedingAction",
                0,
                "Route 53 cannot use the key-signing key: look at its key in AWS KMS",
            ),
            alarm(
                "Age",
                "DNSSECKeySigningKeyAge",
                _KEY_AGE.to_seconds(),
                "The key-signing key is two years old: change it",
            ),
        )

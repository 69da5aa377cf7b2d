"""The alarm that a certificate of AWS Certificate Manager was not renewed."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from mainstay.alarm_topic import AlarmTopic
from mainstay.housekeeping.runbook import RUNBOOK

# AWS Certificate Manager renews by itself 60 days before the end, as long as the record in the zone
# that it validates by is there (AWS Certificate Manager User Guide, "Managed certificate renewal").
_DAYS = 45


class CertificateAlarm(Construct):
    """In alarm from the 45th day before the end: the renewal should have been two weeks ago."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        certificate: acm.ICertificate,
        topic: AlarmTopic,
    ) -> None:
        super().__init__(scope, construct_id)
        topic.notify(
            cloudwatch.Alarm(
                self,
                "NotRenewed",
                alarm_description=f"The Region's certificate ends in less than {_DAYS} days and "
                f"was not renewed: {RUNBOOK}",
                metric=certificate.metric_days_to_expiry(
                    period=cdk.Duration.days(1), statistic="Minimum"
                ),
                threshold=_DAYS,
                evaluation_periods=1,
                comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
                # Measured twice a day, and not before the certificate is issued.
                treat_missing_data=cloudwatch.TreatMissingData.IGNORE,
            )
        )

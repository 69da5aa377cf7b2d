"""Alarms on what `service.operations housekeeping` does and measures."""

from __future__ import annotations

from collections.abc import Callable

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from mainstay.alarm_topic import AlarmTopic
from mainstay.database.metrics import database_namespace
from mainstay.housekeeping.runbook import RUNBOOK

HOUSEKEPT_EVERY = cdk.Duration.hours(1)  # a task of half a minute
# The command makes three months; with one left there is still time for a person.
_MONTHS_AHEAD = 2
# AWS renews the certificates of Amazon RDS long before; half of what a person needs is a month.
_CERTIFICATE_DAYS = 30
_PASSWORD_DAYS = 365
_HOURS = 3  # in a row: a task may fail to start, and the next one makes up for it


class HousekeepingAlarms(Construct):
    """`writes_here` is whether the Region's stores take writes; a copy's are not measured.

    Where they do, a figure that is missing is in alarm: nobody measures it. In the standby these
    alarms sleep until its stores were promoted.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment_name: str,
        topic: AlarmTopic,
        writes_here: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        missing = cloudwatch.TreatMissingData
        self._missing = missing.BREACHING if writes_here else missing.NOT_BREACHING
        self._environment_name = environment_name
        below = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
        above = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
        alarm: Callable[..., cloudwatch.Alarm] = self._alarm
        topic.notify(
            alarm("Months", "AuditMonthsAhead", "Minimum", below, _MONTHS_AHEAD, self._MONTHS),
            alarm("Default", "AuditDefaultRows", "Maximum", above, 0, self._DEFAULT),
            alarm(
                "Certificates",
                "CertificateDaysLeft",
                "Minimum",
                below,
                _CERTIFICATE_DAYS,
                self._CERTIFICATES,
            ),
            alarm(
                "Passwords", "PasswordAgeDays", "Maximum", above, _PASSWORD_DAYS, self._PASSWORDS
            ),
        )

    _MONTHS = "The audit log has no partitions for the coming months"
    _DEFAULT = "Rows of the audit log are in no month's partition"
    _CERTIFICATES = "A database's certificate, or its authority in the image, expires"
    _PASSWORDS = "A password of operations or of replication is older than a year"

    def _alarm(
        self,
        construct_id: str,
        metric: str,
        statistic: str,
        comparison: cloudwatch.ComparisonOperator,
        threshold: float,
        what: str,
    ) -> cloudwatch.Alarm:
        return cloudwatch.Alarm(
            self,
            construct_id,
            alarm_description=f"{what}, or nobody measures it: {RUNBOOK}",
            metric=cloudwatch.Metric(
                namespace=database_namespace(self._environment_name),
                metric_name=metric,
                dimensions_map={"Environment": self._environment_name},
                statistic=statistic,
                period=HOUSEKEPT_EVERY,
            ),
            threshold=threshold,
            evaluation_periods=_HOURS,
            comparison_operator=comparison,
            treat_missing_data=self._missing,
        )

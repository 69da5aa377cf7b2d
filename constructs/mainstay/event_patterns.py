"""Events of AWS that more than one rule of EventBridge waits for."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events


def goes_off(alarms: Sequence[cloudwatch.IAlarm | cloudwatch.AlarmBase]) -> events.EventPattern:
    """Return the pattern of one of these alarms going into ALARM."""
    return events.EventPattern(
        source=["aws.cloudwatch"],
        detail_type=["CloudWatch Alarm State Change"],
        resources=[alarm.alarm_arn for alarm in alarms],
        detail={"state": {"value": ["ALARM"]}},
    )


def happens_to(clusters: Sequence[str], event_ids: Sequence[str]) -> events.EventPattern:
    """Return the pattern of these events of Amazon RDS at clusters, which are given by ARN."""
    return events.EventPattern(
        source=["aws.rds"],
        detail_type=["RDS DB Cluster Event"],
        detail={"SourceArn": list(clusters), "EventID": list(event_ids)},
    )

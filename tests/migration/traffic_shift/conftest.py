"""A shift's surroundings in moto: balancer, rule, log, control table, alarm."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import boto3
import pytest
from moto import mock_aws

from migration.traffic_shift.accepted import Accepted
from migration.traffic_shift.access_log import AccessLog
from migration.traffic_shift.conduct import ShiftContext
from migration.traffic_shift.counting import LEGACY, NEW
from migration.traffic_shift.shift import ShiftPlan
from migration.traffic_shift.weights import Weights

BUCKET = "access-logs"
FOLDER = "public/AWSLogs/123456789012/elasticloadbalancing/us-east-1"
BALANCER = "app/public/50dc6c495c0c9188"
TABLE, ALARM = "control", "failing"
# Made for a test's handful of requests; the shipped plan's numbers are tested by simulation.
PLAN = ShiftPlan(rate=0.001, ratio=1000.0, bake=(timedelta(hours=1),) * 6)


@cache
def client(service: str) -> Any:
    """One of each for the whole run: reading a service's model costs more than a test does."""
    return boto3.client(service, region_name="us-east-1")


@cache
def tables() -> Any:
    return boto3.resource("dynamodb", region_name="us-east-1")


@dataclass
class ShiftedAccount:
    """What the function finds, and the hands of everybody else."""

    site: ShiftContext
    legacy: str
    new: str
    rule: str
    _node: int = field(default=0)

    @property
    def percent(self) -> int:
        return self.site.weights.percent()

    def log(self, end: datetime, *answers: tuple[str, str], path: str = "/login") -> None:
        """One node's file of the five minutes until `end`: (target group, status), a second apart.

        The last answer is given a second before the end.
        """
        lines = []
        for before, (group, status) in enumerate(reversed(answers), 1):
            at = (end - timedelta(seconds=before)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
            lines.append(
                f"h2 {at} {BALANCER} 192.0.2.1:1 10.0.0.1:8443 0.0 0.0 0.0 {status} {status} 1 1 "
                f'"GET https://acme.id.example.com:443{path} HTTP/2.0" "agent" - - {group} "-" "-" '
                f'"-" 500 {at} "forward" "-" "-" "-" "-" "-" "-" TID_1'
            )
        self._node += 1
        name = f"123456789012_elasticloadbalancing_us-east-1_{BALANCER.replace('/', '.')}"
        delivered = end + timedelta(minutes=2)
        self.site.log.s3.put_object(
            Bucket=BUCKET,
            Key=f"{FOLDER}/{delivered:%Y/%m/%d}/{name}_{end:%Y%m%dT%H%MZ}_10.0.0.{self._node}_x.log.gz",
            Body=gzip.compress("\n".join(lines).encode()),
        )

    def alarm(self, state: str) -> None:
        client("cloudwatch").set_alarm_state(
            AlarmName=ALARM, StateValue=state, StateReason="said so"
        )

    def by_hand(self, percent: int) -> None:
        """Somebody edits the rule in the console."""
        groups = [(self.legacy, 100 - percent), (self.new, percent)]
        weighted = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in groups]
        client("elbv2").modify_rule(
            RuleArn=self.rule,
            Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": weighted}}],
        )


@pytest.fixture
def account() -> Iterator[ShiftedAccount]:
    with mock_aws():
        ec2, elbv2 = client("ec2"), client("elbv2")
        vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        subnets = [item["SubnetId"] for item in ec2.describe_subnets()["Subnets"]]
        (balancer,) = elbv2.create_load_balancer(Name="public", Subnets=subnets[:2])[
            "LoadBalancers"
        ]
        legacy, new = (
            elbv2.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=vpc)[
                "TargetGroups"
            ][0]["TargetGroupArn"]
            for name in ("legacy", "new")
        )
        forward = {"Type": "forward", "TargetGroupArn": new}
        (listener,) = elbv2.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Protocol="HTTP",
            Port=80,
            DefaultActions=[forward],
        )["Listeners"]
        weighted = [{"TargetGroupArn": legacy, "Weight": 100}, {"TargetGroupArn": new, "Weight": 0}]
        (rule,) = elbv2.create_rule(
            ListenerArn=listener["ListenerArn"],
            Priority=500,
            Conditions=[{"Field": "path-pattern", "Values": ["/*"]}],
            Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": weighted}}],
        )["Rules"]
        client("s3").create_bucket(Bucket=BUCKET)
        _alarm()
        yield ShiftedAccount(
            _site(_table(), legacy, new, rule["RuleArn"]), legacy, new, rule["RuleArn"]
        )


def _alarm() -> None:
    client("cloudwatch").put_metric_alarm(
        AlarmName=ALARM,
        MetricName="Failed",
        Namespace="test",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    client("cloudwatch").set_alarm_state(AlarmName=ALARM, StateValue="OK", StateReason="at first")


def _table() -> Any:
    keys = (("pk", "HASH"), ("sk", "RANGE"))
    return tables().create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
    )


def _site(table: Any, legacy: str, new: str, rule: str) -> ShiftContext:
    def in_alarm() -> list[str]:
        alarms = client("cloudwatch").describe_alarms(AlarmNames=[ALARM])["MetricAlarms"]
        return [item["AlarmName"] for item in alarms if item["StateValue"] == "ALARM"]

    return ShiftContext(
        table=table,
        weights=Weights(elbv2=client("elbv2"), rule=rule, legacy=legacy, new=new),
        log=AccessLog(s3=client("s3"), bucket=BUCKET, folder=FOLDER, balancer=BALANCER),
        in_alarm=in_alarm,
        groups={legacy: LEGACY, new: NEW},
        routes=("/login",),
        plan=PLAN,
        accepted=Accepted(()),
    )

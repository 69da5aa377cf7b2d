"""Refusals of the logs' construct, and what an environment without data gets."""

from __future__ import annotations

import aws_cdk as cdk
import pytest

from mainstay.logs.region_logs import RegionLogs


@pytest.fixture
def logs(stack):
    def logs(**changes):
        arguments = {
            "environment_name": "test",
            "clusters": {"EntityA": "test-entity-a"},
            "retention_days": 30,
            "removal_policy": cdk.RemovalPolicy.RETAIN,
        }
        return RegionLogs(stack, "Logs", **(arguments | changes))

    return logs


def test_refuses_a_retention_that_cloudwatch_lacks(logs):
    with pytest.raises(ValueError, match=r"'retention_days' should be one of \[1, 3, .* got 45"):
        logs(retention_days=45)


def test_the_groups_of_firewall_and_databases_are_named_as_their_writers_want_it(logs, made):
    logs()
    names = [item.get("LogGroupName") for item in made("AWS::Logs::LogGroup").values()]
    assert [name for name in names if name] == [
        "aws-waf-logs-mainstay-test",
        "/aws/rds/cluster/test-entity-a/postgresql",  # where Amazon RDS writes, by itself
    ]


def test_where_data_is_kept_nothing_empties_the_bucket(logs, made):
    logs()
    assert made("Custom::S3AutoDeleteObjects") == {}


def test_where_nothing_is_kept_the_bucket_empties_itself_to_be_deleted(logs, made):
    logs(removal_policy=cdk.RemovalPolicy.DESTROY)
    assert len(made("Custom::S3AutoDeleteObjects")) == 1

"""A day has one export, and what is finished is locked.

moto writes nothing into a locked bucket, so a test puts there what DynamoDB would."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from functions.session_export.exports import Destination, export

NOW = datetime(2026, 11, 25, 7, 0, tzinfo=UTC)


@pytest.fixture
def site():
    with mock_aws():
        dynamodb: Any = boto3.client("dynamodb", region_name="us-east-1")
        arn = dynamodb.create_table(
            TableName="sessions",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )["TableDescription"]["TableArn"]
        recovery = {"PointInTimeRecoveryEnabled": True}
        dynamodb.update_continuous_backups(
            TableName="sessions", PointInTimeRecoverySpecification=recovery
        )
        dynamodb.put_item(TableName="sessions", Item={"pk": {"S": "one"}})
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="dumps", ObjectLockEnabledForBucket=True)
        yield dynamodb, s3, arn


def _run(site, now: datetime, records: list[Any] | None = None) -> list[Any]:
    dynamodb, s3, arn = site
    to = Destination(s3=s3, bucket="dumps", lock=timedelta(days=35))
    records = [] if records is None else records
    export(dynamodb, to, table_arn=arn, now=now, record=records.append)
    return records


def _started(site) -> int:
    dynamodb, _, arn = site
    return len(dynamodb.list_exports(TableArn=arn)["ExportSummaries"])


def test_a_day_has_one_export_however_often_it_is_run(site):
    for hours in (0, 6, 12):
        _run(site, NOW + timedelta(hours=hours))
    assert _started(site) == 1
    _run(site, NOW + timedelta(days=1))
    assert _started(site) == 2


def test_a_finished_export_is_locked_by_the_next_run_its_summary_last(site, monkeypatch):
    dynamodb, s3, arn = site
    _run(site, NOW)
    (one,) = dynamodb.list_exports(TableArn=arn)["ExportSummaries"]
    folder = f"sessions/2026-11-25/AWSDynamoDB/{one['ExportArn'].rpartition('/')[2]}"
    names = ("manifest-summary.json", "manifest-files.json", "data/a.json.gz")
    for name in names:
        s3.put_object(Bucket="dumps", Key=f"{folder}/{name}", Body=b"x", ChecksumAlgorithm="SHA256")
    real = dynamodb.describe_export

    def completed(**asked: Any) -> Any:
        answer = real(**asked)
        answer["ExportDescription"] |= {"ExportStatus": "COMPLETED"}
        return answer

    monkeypatch.setattr(dynamodb, "describe_export", completed)
    order: list[str] = []
    s3.meta.events.register(
        "provide-client-params.s3.PutObjectRetention",
        lambda params, **_: order.append(params["Key"].rpartition("/")[2]),
    )
    _run(site, NOW + timedelta(hours=6))
    assert sorted(order) == ["a.json.gz", "manifest-files.json", "manifest-summary.json"]
    assert order[-1] == "manifest-summary.json"
    for name in names:
        head = s3.head_object(Bucket="dumps", Key=f"{folder}/{name}")
        assert head["ObjectLockRetainUntilDate"] >= NOW + timedelta(days=35)
    assert _run(site, NOW + timedelta(hours=12)) == [], "a second run did something"


def test_a_failed_export_is_started_again(site, monkeypatch):
    dynamodb, _, _ = site
    _run(site, NOW)
    real = dynamodb.describe_export

    def failed(**asked: Any) -> Any:
        answer = real(**asked)
        answer["ExportDescription"]["ExportStatus"] = "FAILED"
        return answer

    monkeypatch.setattr(dynamodb, "describe_export", failed)
    _run(site, NOW + timedelta(hours=6))
    assert _started(site) == 2

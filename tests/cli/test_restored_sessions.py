"""Sessions go back into the table that serves, by the commands that the page prints."""

from __future__ import annotations

import json
import time

import boto3
import pytest
from moto import mock_aws

from cli.main import main
from tests.dumps.restore_page import PAGE, printed

SERVING = "mainstay-production-sessions"
LATER = {"N": str(int(time.time()) + 3_600)}


@pytest.fixture
def dynamodb():
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        create(client, SERVING)
        yield client


def create(client, name: str, keys=("pk", "sk")) -> None:
    kinds = dict(zip(keys, ("HASH", "RANGE"), strict=False))
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in kinds.items()],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
    )


def put(client, table: str, number: int, **more) -> None:
    item = {"pk": {"S": f"session-{number}"}, "sk": {"S": "s"}, "expires": LATER, **more}
    client.put_item(TableName=table, Item=item)


def kept(client) -> dict[str, dict]:
    found = client.scan(TableName=SERVING, ConsistentRead=True)["Items"]
    return {item["pk"]["S"]: item for item in found}


def asked(*more: str) -> list[str]:
    """The page's command, without --apply where `more` says so."""
    [(program, *words)] = printed("mainstay backup sessions", environment="production")
    assert program == "mainstay"
    return [word for word in words if word not in more]


def test_the_page_s_commands_bring_lost_sessions_back_and_no_ended_one(dynamodb, capsys):
    dynamodb.update_continuous_backups(
        TableName=SERVING, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    for number in range(4):
        put(dynamodb, SERVING, number)
    put(dynamodb, SERVING, 9, expires={"N": "1"})
    [words] = printed("aws dynamodb restore-table-to-point-in-time", environment="production")
    named = dict(zip(words[3::2], words[4::2], strict=False))
    dynamodb.restore_table_to_point_in_time(
        SourceTableName=named["--source-table-name"],
        TargetTableName=named["--target-table-name"],
        UseLatestRestorableTime=True,
    )
    dynamodb.delete_item(TableName=SERVING, Key={"pk": {"S": "session-1"}, "sk": {"S": "s"}})
    dynamodb.delete_item(TableName=SERVING, Key={"pk": {"S": "session-9"}, "sk": {"S": "s"}})
    put(dynamodb, SERVING, 2, ended={"BOOL": True})

    assert main([*asked("--apply"), "--json"]) == 0
    dry = {"missing": 1, "present": 3, "expired": 1, "dry_run": True}
    assert json.loads(capsys.readouterr().out) == dry
    assert "session-1" not in kept(dynamodb)

    assert main([*asked(), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["copied"] == 1
    assert sorted(kept(dynamodb)) == [f"session-{number}" for number in range(4)]
    assert kept(dynamodb)["session-2"]["ended"] == {"BOOL": True}
    assert main([*asked(), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["copied"] == 0


def test_a_table_of_another_kind_or_the_same_one_is_refused(dynamodb, capsys):
    create(dynamodb, "restored", keys=("id",))
    assert main(asked()) == 1
    assert "'restored' should have the keys pk and sk, got ['id']" in capsys.readouterr().err
    same = [SERVING if word == "restored" else word for word in asked()]
    assert main(same) == 1
    assert "'to' should be another table than 'from'" in capsys.readouterr().err


def test_the_page_is_one_page_and_has_every_store_in_its_order():
    lines = PAGE.read_text().splitlines()
    assert len(lines) <= 60
    text = "\n".join(lines)
    stores = ("entities", "transactions", "reports", "sessions")
    places = [text.index(f"\n| {store} |") for store in stores]
    assert places == sorted(places)

"""Writes with a condition, a time to live and a redrive: what the control plane's tables and queues
rest on, asked of the emulator by the code that rests on it."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from functions.control_table import lock, mode

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def table(aws) -> str:
    name = f"conditions-{uuid.uuid4().hex[:8]}"
    aws("dynamodb").create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def test_of_many_who_take_the_lock_at_once_one_has_it(aws, table):
    dynamodb = aws("dynamodb")

    def take(number: int) -> bool:
        try:
            lock.acquire(dynamodb, table, holder=f"run {number}", token=str(number), at=NOW)
        except lock.LockHeldError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(take, range(24)))
    assert taken.count(True) == 1
    held = lock.read(dynamodb, table)
    assert held is not None
    assert held.token == str(taken.index(True))
    with pytest.raises(lock.LockHeldError):
        lock.release(dynamodb, table, token="another")
    assert lock.read(dynamodb, table) == held
    lock.release(dynamodb, table, token=held.token)
    assert lock.read(dynamodb, table) is None


def test_of_many_who_change_a_mode_from_one_epoch_one_succeeds(aws, table):
    dynamodb = aws("dynamodb")
    first = mode.begin(dynamodb, table, by="test", at=NOW)
    assert mode.begin(dynamodb, table, by="another", at=NOW) == first

    def leave(number: int) -> bool:
        try:
            mode.change(
                dynamodb, table, mode=mode.Mode.READ_ONLY, reason="drill", by=str(number), at=NOW,
                epoch=first.epoch,
            )  # fmt: skip
        except mode.EpochPassedError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        changed = list(pool.map(leave, range(24)))
    found = mode.known(dynamodb, table)
    assert changed.count(True) == 1
    assert (found.epoch, found.by) == (first.epoch + 1, str(changed.index(True)))
    with pytest.raises(mode.EpochPassedError):
        mode.hold_read_only(dynamodb, table, reason="late", by="alarm", at=NOW, epoch=first.epoch)
    held = mode.hold_read_only(dynamodb, table, reason="lag", by="alarm", at=NOW, epoch=found.epoch)
    assert mode.known(dynamodb, table).epoch == held.epoch == found.epoch + 1


def test_an_update_of_an_item_that_is_gone_makes_none(aws, table):
    dynamodb = aws("dynamodb")
    key = {"pk": {"S": "session"}, "sk": {"S": "1"}}
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET expires = :expires",
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeValues={":expires": {"N": "1"}},
        )
    assert "Item" not in dynamodb.get_item(TableName=table, Key=key)


def test_a_time_to_live_is_told_and_an_attribute_of_it_counts_as_any(aws, table):
    """DynamoDB takes expired items away within days: who reads one has to look at it itself."""
    dynamodb = aws("dynamodb")
    asked = {"AttributeName": "expires", "Enabled": True}
    dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=asked)
    described = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert (described["TimeToLiveStatus"], described["AttributeName"]) == ("ENABLED", "expires")
    count = {
        "TableName": table,
        "Key": {"pk": {"S": "count"}, "sk": {"S": "1"}},
        "UpdateExpression": "ADD #count :one SET expires = :expires",
        "ExpressionAttributeNames": {"#count": "count"},
        "ExpressionAttributeValues": {":one": {"N": "1"}, ":expires": {"N": "4102444800"}},
        "ReturnValues": "UPDATED_NEW",
    }
    values = [dynamodb.update_item(**count)["Attributes"]["count"]["N"] for _ in range(2)]
    assert values == ["1", "2"]


def test_a_message_that_nobody_deletes_is_set_aside_after_its_receives(aws):
    sqs = aws("sqs")
    name = f"redrive-{uuid.uuid4().hex[:8]}"
    dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    asked = {"QueueUrl": dead, "AttributeNames": ["QueueArn"]}
    arn = sqs.get_queue_attributes(**asked)["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "2"})
    queue = sqs.create_queue(
        QueueName=name, Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "0"}
    )["QueueUrl"]
    sent = sqs.send_message(QueueUrl=queue, MessageBody="an event")["MessageId"]

    def received(url: str) -> list[tuple[str, str]]:
        answer = sqs.receive_message(QueueUrl=url, AttributeNames=["ApproximateReceiveCount"])
        return [
            (message["MessageId"], message["Attributes"]["ApproximateReceiveCount"])
            for message in answer.get("Messages", ())
        ]

    assert [received(queue) for _ in range(3)] == [[(sent, "1")], [(sent, "2")], []]
    ((aside, _),) = received(dead)
    assert aside == sent

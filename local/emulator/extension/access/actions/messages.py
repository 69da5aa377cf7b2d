"""SQS, SNS, Secrets Manager and KMS itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.access import keys
from local.emulator.extension.access.asked import AskedOperation
from local.emulator.extension.access.checks import Check, Checks, service

# SQS Developer Guide, "Key management": what sends seals with a data key and reads it back.
_SQS = {
    "SendMessage": ("GenerateDataKey", "Decrypt"),
    "ReceiveMessage": ("Decrypt",),
    "DeleteMessage": (),
    "ChangeMessageVisibility": (),
    "GetQueueAttributes": (),
    "GetQueueUrl": (),
}


@service("sqs")
def sqs(asked: AskedOperation) -> Checks | None:
    operation = asked.operation.removesuffix("Batch")
    if operation not in _SQS:
        return None
    name = asked.members.get("QueueUrl", "").rpartition("/")[2] or asked.members["QueueName"]
    return to_queue(asked.arn(name), operation)


def to_queue(queue: str, operation: str) -> Iterator[Check]:
    """Yield what an operation on a queue needs, by its ARN."""
    yield Check(f"sqs:{operation}", queue)
    record = inside.service("sqs")._queue_by_arn(queue) or {}
    key = record.get("attributes", {}).get("KmsMasterKeyId")
    yield from keys.through("sqs", key, *_SQS[operation])


@service("sns")
def sns(asked: AskedOperation) -> Checks | None:
    if asked.operation not in ("Publish", "PublishBatch"):
        return None
    return to_topic(asked.members.get("TopicArn") or asked.members["TargetArn"])


def to_topic(topic: str) -> Iterator[Check]:
    """Yield what publishing needs (SNS Developer Guide, "Key management")."""
    yield Check("sns:Publish", topic)
    record = inside.service("sns")._topic_by_arn_any_scope(topic) or {}
    key = record.get("attributes", {}).get("KmsMasterKeyId")
    yield from keys.through("sns", key, "GenerateDataKey", "Decrypt")


@service("secretsmanager")
def secretsmanager(asked: AskedOperation) -> Checks | None:
    if asked.operation not in ("GetSecretValue", "DescribeSecret"):
        return None
    return secret_checks(asked.action, asked.members["SecretId"])


def secret_checks(action: str, secret: str) -> Iterator[Check]:
    """Yield what reading a secret needs, which is its key too where it has one of its own."""
    found: dict[str, Any] | None = inside.service("secretsmanager")._resolve(secret)[1]
    place = f"{inside.region()}:{inside.account()}"
    named = (
        secret if secret.startswith("arn:") else f"arn:aws:secretsmanager:{place}:secret:{secret}"
    )
    yield Check(action, found["ARN"] if found else named)
    if found and action.endswith("GetSecretValue"):
        yield from keys.through("secretsmanager", found.get("KmsKeyId"), "Decrypt")


@service("kms")
def kms(asked: AskedOperation) -> Checks | None:
    key = keys.arn(asked.members.get("KeyId"))
    return None if key is None else [Check(asked.action, key)]

"""The one lock of a Region: whoever changes versions holds it, and nobody else does meanwhile.

It has no expiry. A holder that died left something half done, and a lock that frees itself would
let the next one begin on top of that: a person looks, and then breaks it by its token.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from functions.control_table.mode import timestamp

KEY = {"pk": {"S": "lock"}, "sk": {"S": "upgrade"}}


@dataclass(frozen=True, kw_only=True)
class Lock:
    """Names the holder: `holder` for people, `token` for the program that took the lock."""

    holder: str
    token: str
    since: str  # ISO 8601 in UTC


class LockHeldError(Exception):
    """The lock is somebody else's; the message names them and since when."""


def read(dynamodb: Any, table: str) -> Lock | None:
    """Return the holder of the lock, read strongly consistent; None when it is free."""
    item = dynamodb.get_item(TableName=table, Key=KEY, ConsistentRead=True).get("Item")
    if item is None:
        return None
    return Lock(holder=item["holder"]["S"], token=item["token"]["S"], since=item["since"]["S"])


def acquire(dynamodb: Any, table: str, *, holder: str, token: str, at: datetime) -> Lock:
    """Take the lock, or find that this token has it already. Raises LockHeldError."""
    lock = Lock(holder=holder, token=token, since=timestamp(at))
    try:
        dynamodb.put_item(
            TableName=table,
            Item={
                **KEY,
                "holder": {"S": lock.holder},
                "token": {"S": lock.token},
                "since": {"S": lock.since},
            },
            ConditionExpression="attribute_not_exists(pk)",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        found = read(dynamodb, table)
        if found is None:  # released between the two calls
            return acquire(dynamodb, table, holder=holder, token=token, at=at)
        if found.token != token:
            raise LockHeldError(
                f"the lock is held by {found.holder} since {found.since}, token '{found.token}'"
            ) from None
        return found
    return lock


def release(dynamodb: Any, table: str, *, token: str) -> None:
    """Give the lock back; a lock that is free already stays free.

    Also how a person breaks the lock of a holder that is gone: by the token that `read` shows.
    Raises LockHeldError when another token has it.
    """
    try:
        dynamodb.delete_item(
            TableName=table,
            Key=KEY,
            ConditionExpression="attribute_not_exists(pk) OR #token = :token",
            ExpressionAttributeNames={"#token": "token"},  # a reserved word
            ExpressionAttributeValues={":token": {"S": token}},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        found = read(dynamodb, table)
        if found is not None:
            raise LockHeldError(
                f"'token' should be '{found.token}', {found.holder}'s since {found.since}, "
                f"got '{token}'"
            ) from None

"""DynamoDB: items by their table, with the keys and the attributes that a request names.

Developer Guide, "Using IAM policy conditions for fine-grained access control".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.access import keys
from local.emulator.extension.access.actions.objects import bucket_key
from local.emulator.extension.access.asked import AskedOperation, UnknownCallError
from local.emulator.extension.access.checks import Check, Checks, service

_ITEMS = {"GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query"}
_BATCHES = {"BatchGetItem": "Keys", "BatchWriteItem": None}
_TABLE = {"DescribeTable", "DescribeContinuousBackups"}
_IN_TRANSACTION = {
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}

# A name of an attribute in an expression, and what stands there beside them.
_NAME = re.compile(r"(?<![:.\w#])#?[A-Za-z_]\w*(?!\s*\()")
_WORDS = {"SET", "REMOVE", "ADD", "DELETE", "AND", "OR", "NOT", "BETWEEN", "IN"}
_EXPRESSIONS = (
    "ProjectionExpression",
    "UpdateExpression",
    "ConditionExpression",
    "FilterExpression",
    "KeyConditionExpression",
)


@service("dynamodb")
def dynamodb(asked: AskedOperation) -> Checks | None:
    members, operation = asked.members, asked.operation
    if operation in _ITEMS:
        return _item(asked, operation, members)
    if operation in _BATCHES:
        return _batch(asked)
    if operation.startswith("Transact"):
        return [
            check
            for entry in members["TransactItems"]
            for kind, item in entry.items()
            for check in _item(asked, _IN_TRANSACTION[kind], item)
        ]
    if operation in _TABLE:
        return [Check(asked.action, _arn(asked, members["TableName"]))]
    if operation == "ListExports":
        return [Check(asked.action, "*")]
    if operation == "DescribeExport":
        return [Check(asked.action, members["ExportArn"])]
    return _export(asked) if operation == "ExportTableToPointInTime" else None


def _arn(asked: AskedOperation, table: str) -> str:
    return table if table.startswith("arn:") else asked.arn(f"table/{table}")


def _item(asked: AskedOperation, operation: str, item: dict[str, Any]) -> Iterator[Check]:
    table = _arn(asked, item["TableName"])
    context: dict[str, Any] = {
        "dynamodb:attributes": _attributes(item),
        "dynamodb:leadingkeys": _leading(table, [item.get("Key") or item.get("Item")], item),
    }
    if operation in ("PutItem", "UpdateItem", "DeleteItem"):
        context["dynamodb:returnvalues"] = item.get("ReturnValues", "NONE")
    if "IndexName" in item:
        yield Check(f"dynamodb:{operation}", f"{table}/index/{item['IndexName']}", context)
    else:
        yield Check(f"dynamodb:{operation}", table, context)
    yield from _sealed(table)


def _batch(asked: AskedOperation) -> Iterator[Check]:
    for name, given in asked.members["RequestItems"].items():
        table = _arn(asked, name)
        if asked.operation == "BatchGetItem":
            items = given["Keys"]
        else:
            items = [v.get("Key") or v.get("Item") for entry in given for v in entry.values()]
        yield Check(asked.action, table, {"dynamodb:leadingkeys": _leading(table, items, {})})
        yield from _sealed(table)


def _sealed(table: str) -> Iterator[Check]:
    """Developer Guide, "Encryption at rest: usage notes": the caller's own right to the key."""
    record = _record(table)
    key = (record.get("SSEDescription") or {}).get("KMSMasterKeyArn") if record else None
    yield from keys.through("dynamodb", key, "Decrypt", "DescribeKey")


def _record(table: str) -> dict[str, Any] | None:
    parts = table.split(":")
    name = parts[5].removeprefix("table/")
    return inside.service("dynamodb")._tables.get_scoped(parts[4], parts[3], name)


def _leading(table: str, items: list[Any], query: dict[str, Any]) -> list[str]:
    """Return the partition keys that a request names. Raises UnknownCallError for one unread."""
    record = _record(table)
    if record is None:
        return []  # there is no such table, which the service's own answer says
    name = record["pk_name"]
    if found := query.get("KeyConditionExpression"):
        return [_queried(found, name, query)]
    return [str(next(iter(item[name].values()))) for item in items if item]


def _queried(expression: str, name: str, query: dict[str, Any]) -> str:
    names = query.get("ExpressionAttributeNames", {})
    for left, right in re.findall(r"(#?\w+)\s*=\s*(:\w+)", expression):
        if names.get(left, left) == name:
            return str(next(iter(query["ExpressionAttributeValues"][right].values())))
    raise UnknownCallError(f"'{expression}' names no value of {name}")


def _attributes(item: dict[str, Any]) -> list[str]:
    """Return the attributes of the first level that a request reads, asks for or writes."""
    names = item.get("ExpressionAttributeNames", {})
    found = {*(item.get("Key") or item.get("Item") or ())}
    for kind in _EXPRESSIONS:
        for name in _NAME.findall(item.get(kind, "")):
            if name.upper() not in _WORDS:
                found.add(names.get(name, name))
    return sorted(found)


def _export(asked: AskedOperation) -> Iterator[Check]:
    """Developer Guide, "Requesting a table export": the caller writes to the bucket."""
    members = asked.members
    yield Check(asked.action, _arn(asked, members["TableArn"]))
    bucket, prefix = members["S3Bucket"], members.get("S3Prefix", "")
    for action in ("AbortMultipartUpload", "PutObject", "PutObjectAcl"):
        yield Check(f"s3:{action}", f"arn:aws:s3:::{bucket}/{prefix}/AWSDynamoDB/export")
    key = members.get("S3SseKmsKeyId") or bucket_key(bucket)
    yield from keys.through("s3", key, "Decrypt", "GenerateDataKey")

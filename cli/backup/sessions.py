"""`mainstay backup sessions`: sessions out of a restored table, back into the one that serves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import click

from cli.command import as_json
from cli.errors import CommandRefusedError
from cli.output import answer, progress

_KEYS = {"pk", "sk"}
_EXPIRES = "expires"  # seconds since 1970, of an item that is of no use later


@click.command()
@click.option("--from", "source", required=True, help="The table that was restored or imported.")
@click.option("--to", "target", required=True, help="The table that serves.")
@click.option("--region", help="Of both; without, the environment's.")
@click.option("--apply", is_flag=True, help="Write; without it nothing is written.")
@as_json
def sessions(source: str, target: str, region: str | None, *, apply: bool, as_json: bool) -> None:
    """Copy the sessions that are missing, of a restored table, into the one that serves.

    What the serving table has of a session wins, its end included, and what has expired stays
    away. A session that ended after the backup, and of which nothing is left, lives again.
    """
    import boto3

    if source == target:
        raise CommandRefusedError(f"'to' should be another table than 'from', got '{target}' twice")
    dynamodb = boto3.client("dynamodb", region_name=region)
    for name in (source, target):
        _refuse_other_schema(dynamodb, name)
    counts = {"copied" if apply else "missing": 0, "present": 0, "expired": 0}
    with progress("sessions") as advance:
        for number, item in enumerate(_items(dynamodb, source), 1):
            counts[_put(dynamodb, target, item, apply=apply)] += 1
            advance(number)
    answer({**counts, "dry_run": not apply}, as_json=as_json)


def _refuse_other_schema(dynamodb: Any, table: str) -> None:
    found = dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]
    keys = {key["AttributeName"] for key in found}
    if keys != _KEYS:
        raise CommandRefusedError(f"'{table}' should have the keys pk and sk, got {sorted(keys)}")


def _items(dynamodb: Any, table: str) -> Iterator[dict[str, Any]]:
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


def _put(dynamodb: Any, table: str, item: dict[str, Any], *, apply: bool) -> str:
    """Write the item where there is none; return what came of it."""
    if float(item.get(_EXPIRES, {}).get("N", "inf")) <= time.time():
        return "expired"
    if not apply:
        key = {name: item[name] for name in _KEYS}
        found = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)
        return "present" if "Item" in found else "missing"
    try:
        dynamodb.put_item(
            TableName=table, Item=item, ConditionExpression="attribute_not_exists(pk)"
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return "present"
    return "copied"

"""The control table of one Region, in memory: the calls and the conditions that are made of it.

functions.control_table is tested on moto (tests/lambda_); an upgrade makes 400 calls of it,
and there are a thousand runs. A condition that is not known here fails the run.
"""

# ruff: noqa: N803 (the parameters are the API's)

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

Item = dict[str, dict[str, str]]


class ConditionalCheckFailedError(Exception):
    """The condition of a write did not hold."""


_CONDITIONS: dict[str, Callable[[Item | None, dict[str, Any]], bool]] = {
    "": lambda item, _: True,
    "attribute_not_exists(pk)": lambda item, _: item is None,
    "epoch = :seen": lambda item, values: item is not None and item["epoch"] == values[":seen"],
    "version = :seen": lambda item, values: item is not None and item["version"] == values[":seen"],
    "attribute_not_exists(pk) OR #token = :token": lambda item, values: (
        item is None or item["token"] == values[":token"]
    ),
}
_QUERIES = {
    "pk = :run": lambda item, values: item["pk"] == values[":run"],
    "pk = :ack AND begins_with(sk, :layer)": lambda item, values: (
        item["pk"] == values[":ack"] and item["sk"]["S"].startswith(values[":layer"]["S"])
    ),
}


class FakeDynamoDb:
    """One table; reads are strongly consistent, as all of an upgrade's are."""

    exceptions = SimpleNamespace(ConditionalCheckFailedException=ConditionalCheckFailedError)

    def __init__(self, table: str) -> None:
        self._table, self._items = table, {}

    def get_item(self, *, TableName: str, Key: Item, ConsistentRead: bool) -> Any:
        assert (TableName, ConsistentRead) == (self._table, True)
        found = self._items.get(_key(Key))
        return {} if found is None else {"Item": copy.deepcopy(found)}

    def put_item(self, *, TableName: str, Item: Item, **condition: Any) -> None:
        self._require(TableName, Item, **condition)
        self._items[_key(Item)] = copy.deepcopy(Item)

    def update_item(
        self,
        *,
        TableName: str,
        Key: Item,
        UpdateExpression: str,
        ExpressionAttributeValues: dict[str, Any],
        **condition: Any,
    ) -> None:
        assert UpdateExpression == "SET held = :held ADD epoch :one"
        values = ExpressionAttributeValues
        self._require(TableName, Key, ExpressionAttributeValues=values, **condition)
        item = self._items[_key(Key)]
        item["held"] = copy.deepcopy(values[":held"])
        item["epoch"] = {"N": str(int(item["epoch"]["N"]) + int(values[":one"]["N"]))}

    def delete_item(self, *, TableName: str, Key: Item, **condition: Any) -> None:
        self._require(TableName, Key, **condition)
        self._items.pop(_key(Key), None)

    def query(
        self,
        *,
        TableName: str,
        KeyConditionExpression: str,
        ExpressionAttributeValues: dict[str, Any],
        ConsistentRead: bool,
        ScanIndexForward: bool = True,
        Limit: int | None = None,
    ) -> Any:
        assert (TableName, ConsistentRead) == (self._table, True)
        chosen = _QUERIES[KeyConditionExpression]
        keys = sorted(self._items, reverse=not ScanIndexForward)
        found = [self._items[key] for key in keys]
        found = [each for each in found if chosen(each, ExpressionAttributeValues)]
        return {"Items": copy.deepcopy(found[:Limit])}

    def get_paginator(self, name: str) -> Any:
        assert name == "query"
        return SimpleNamespace(paginate=self._pages)

    def _pages(self, **given: Any) -> Iterator[Any]:
        yield self.query(**given)

    def _require(
        self,
        table: str,
        key: Item,
        ConditionExpression: str = "",
        ExpressionAttributeValues: dict[str, Any] | None = None,
        ExpressionAttributeNames: dict[str, str] | None = None,
    ) -> None:
        assert table == self._table
        assert ExpressionAttributeNames in (None, {"#token": "token"})
        holds = _CONDITIONS[ConditionExpression]
        if not holds(self._items.get(_key(key)), ExpressionAttributeValues or {}):
            raise ConditionalCheckFailedError(f"{ConditionExpression} of {_key(key)}")


def _key(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]

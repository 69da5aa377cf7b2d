"""The memory of an upgrade: what there was before, what was begun, and which way it goes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from functions.control_table.plan_owner import BACK, ENDED, FORWARD, plan_key

__all__ = ["BACK", "ENDED", "FORWARD", "OvertakenError", "Plan", "read", "write"]

# Classes of a release by its migrations (service.operations.judgement).
NONE, ADDITIVE, BREAKING = KINDS = ("none", "additive", "breaking")


class OvertakenError(Exception):
    """The plan was changed by somebody else meanwhile."""


@dataclass(kw_only=True)
class Plan:
    """Holds one upgrade. `before` is what was found at its start; undoing restores exactly that."""

    upgrade: str
    image: str
    by: str
    execution: str  # the one that owns it
    bake_seconds: int
    before: dict[str, Any]
    kind: str = BREAKING  # the class that its migrations have, as whoever started it said
    at: str  # the row that is being done
    way: str = FORWARD
    registered: list[str] = field(default_factory=list)  # compensations, before their steps
    committed: bool = False
    window: bool = False  # between the entering and the leaving of READ_ONLY
    revisions: dict[str, dict[str, str]] = field(default_factory=dict)  # place -> family -> ARN
    notes: dict[str, Any] = field(default_factory=dict)
    undone: list[str] = field(default_factory=list)  # compensations that need no second run
    without: list[str] = field(default_factory=list)  # helpers that a person leaves out
    debts: dict[str, dict[str, str]] = field(default_factory=dict)  # row -> what it still owes
    outcome: str = ""
    reason: str = ""
    version: int = 0  # grows by one with each write

    @property
    def has_window(self) -> bool:
        """Return whether writes are refused for a while: old code does not run on what it makes."""
        return self.kind == BREAKING

    @property
    def name(self) -> str:
        """Return the name under which the upgrade holds the lock and changes the mode."""
        return f"upgrade {self.upgrade}"


def read(dynamodb: Any, table: str, upgrade: str) -> Plan | None:
    """The plan of an upgrade, strongly consistent; None before its first write."""
    item = dynamodb.get_item(TableName=table, Key=plan_key(upgrade), ConsistentRead=True).get(
        "Item"
    )
    return Plan(**json.loads(item["data"]["S"])) if item else None


def write(dynamodb: Any, table: str, plan: Plan) -> None:
    """Write it over the version that was read. Raises OvertakenError where that is gone."""
    seen, plan.version = plan.version, plan.version + 1
    try:
        dynamodb.put_item(
            TableName=table,
            Item={
                **plan_key(plan.upgrade),
                "version": {"N": str(plan.version)},
                "data": {"S": json.dumps(asdict(plan))},
            },
            ConditionExpression="attribute_not_exists(pk)" if seen == 0 else "version = :seen",
            **({} if seen == 0 else {"ExpressionAttributeValues": {":seen": {"N": str(seen)}}}),
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        raise OvertakenError(f"the plan of '{plan.upgrade}' was changed meanwhile") from None

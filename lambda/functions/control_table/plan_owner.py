"""Names the one execution that owns an upgrade's plan, for tasks that may come late."""

from __future__ import annotations

import json
from typing import Any

FORWARD, BACK, ENDED = "forward", "back", "ended"


class NotOwnedError(Exception):
    """The plan is another execution's, or goes another way; the message says which."""


def plan_key(upgrade: str) -> dict[str, Any]:
    """Return the key of an upgrade's plan in the control table of its primary Region."""
    return {"pk": {"S": f"journal#plan#{upgrade}"}, "sk": {"S": "plan"}}


def require_owned(dynamodb: Any, table: str, *, upgrade: str, execution: str, way: str) -> None:
    """Raise NotOwnedError unless the plan is this execution's and goes this way, as of now."""
    item = dynamodb.get_item(TableName=table, Key=plan_key(upgrade), ConsistentRead=True).get(
        "Item"
    )
    plan = json.loads(item["data"]["S"]) if item else {}
    owner, goes = plan.get("execution", "nobody"), plan.get("way", "nowhere")
    if (owner, goes) != (execution, way):
        raise NotOwnedError(
            f"upgrade '{upgrade}' is {owner}'s and goes {goes}: this command is {execution}'s, "
            f"which went {way}"
        )

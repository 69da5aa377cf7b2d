"""Policy documents, read once: statements that know whom, what and which resources they concern."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.iam import conditions
from local.iam.conditions import Context, arn_like, wildcard

_ELEMENTS = {
    *("Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "NotResource"),
    "Condition",
}


class UnreadablePolicyError(ValueError):
    """A document with an element that is not judged here, or without one that it needs."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """`policy` and `index` say where it stands; `principals` is None in an identity's policy."""

    policy: str
    index: int
    allows: bool
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    conditions: Mapping[str, Mapping[str, Any]] = field(hash=False)
    principals: Mapping[str, tuple[str, ...]] | None = field(hash=False, default=None)

    def about(self, action: str, resource: str) -> bool:
        """Return whether the action on the resource is the statement's matter."""
        if self.actions and not self.patterns(action):
            return False
        if any(_fits(action, pattern) for pattern in self.not_actions):
            return False
        if self.resources and not any(arn_like(resource, each) for each in self.resources):
            return False
        return not any(arn_like(resource, each) for each in self.not_resources)

    def patterns(self, action: str) -> tuple[str, ...]:
        """Return which of its actions the action fits."""
        return tuple(pattern for pattern in self.actions if _fits(action, pattern))

    def holds(self, context: Context) -> bool:
        return conditions.hold(self.conditions, context)


def _fits(action: str, pattern: str) -> bool:
    return wildcard(pattern, re.IGNORECASE).fullmatch(action) is not None


def read(document: str | Mapping[str, Any], policy: str) -> tuple[Statement, ...]:
    """Return the statements of a document that is called `policy`.

    Raises UnreadablePolicyError for an element, or a policy variable, that nobody judges here.
    """
    found = json.loads(document) if isinstance(document, str) else document
    return tuple(
        _statement(each, policy, index) for index, each in enumerate(_list(found["Statement"]))
    )


def _statement(given: Mapping[str, Any], policy: str, index: int) -> Statement:
    if unknown := given.keys() - _ELEMENTS:
        raise UnreadablePolicyError(f"{policy}: {', '.join(sorted(unknown))} is judged by nobody")
    if "${" in json.dumps(given):
        raise UnreadablePolicyError(f"{policy}: policy variables are judged by nobody: {given}")
    if not given.keys() & {"Action", "NotAction"}:
        raise UnreadablePolicyError(f"{policy}: a statement is about no action: {given}")
    principals = given.get("Principal")
    return Statement(
        policy=policy,
        index=index,
        allows={"Allow": True, "Deny": False}[given["Effect"]],
        actions=tuple(_list(given.get("Action"))),
        not_actions=tuple(_list(given.get("NotAction"))),
        resources=tuple(_list(given.get("Resource"))),
        not_resources=tuple(_list(given.get("NotResource"))),
        conditions=given.get("Condition") or {},
        principals=None if principals is None else _principals(principals),
    )


def _principals(given: str | Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    if given == "*":
        return {"AWS": ("*",)}
    if not isinstance(given, Mapping):
        raise UnreadablePolicyError(f"'Principal' should be '*' or an object, got {given!r}")
    return {kind: tuple(_list(names)) for kind, names in given.items()}


def _list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]

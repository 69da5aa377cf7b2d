"""Lists what stays in the account when stacks are destroyed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from assembly.protections import policy
from assembly.reader import with_nested
from assembly.stack import Stack


@dataclass(frozen=True, kw_only=True)
class Retained:
    """A resource that outlives its stack; `stack` of a nested one is `<stack>/<logical id>`."""

    stack: str
    region: str
    logical_id: str
    type: str
    path: str  # its place in the app, such as us-east-1/Logs/Logs/Key/Resource
    leaves: Literal["resource", "snapshot"]  # itself, or a last snapshot while it goes


def retained(stacks: Iterable[Stack]) -> tuple[Retained, ...]:
    """Return what stays when the stacks are deleted, in their order.

    Computed from the templates alone: what CloudFormation keeps by DeletionPolicy, and nothing
    that was made beside it.
    """
    return tuple(
        Retained(
            stack=stack.name,
            region=stack.region,
            logical_id=logical_id,
            type=resource["Type"],
            path=resource.get("Metadata", {}).get("aws:cdk:path", logical_id),
            leaves="snapshot" if policy(resource, "DeletionPolicy") == "Snapshot" else "resource",
        )
        for stack in with_nested(stacks)
        for logical_id, resource in stack.resources.items()
        if policy(resource, "DeletionPolicy") != "Delete"
    )

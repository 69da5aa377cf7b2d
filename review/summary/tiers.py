"""Reads from the templates which zones the tiers span and which tasks they run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from assembly.stack import Stack

TIER_TAG = "mainstay:tier"


@dataclass(frozen=True, kw_only=True)
class TierService:
    """An ECS service, as autoscaling may size it."""

    region: str
    tier: str
    logical_id: str
    floor: int  # tasks
    ceiling: int  # tasks
    vcpu: float  # of one task
    memory_gb: float  # of one task


def zones(stacks: Iterable[Stack]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the zone ids of the subnets, by Region and tier."""
    found: dict[str, dict[str, set[str]]] = {}
    for stack in stacks:
        for subnet in stack.of_type("AWS::EC2::Subnet").values():
            tags = {tag["Key"]: tag["Value"] for tag in subnet.get("Tags", ())}
            tiers = found.setdefault(stack.region, {})
            tiers.setdefault(tags.get(TIER_TAG, "no tier"), set()).add(_zone(subnet))
    return {
        region: {tier: tuple(sorted(ids)) for tier, ids in tiers.items()}
        for region, tiers in found.items()
    }


def services(stack: Stack) -> Iterator[TierService]:
    """Yield the stack's ECS services; one without autoscaling runs what it asks for, or one."""
    for logical_id, properties in stack.of_type("AWS::ECS::Service").items():
        desired = properties.get("DesiredCount", 1)
        floor, ceiling = _capacity(stack, logical_id) or (desired, desired)
        task = _task_definition(stack, properties["TaskDefinition"])
        yield TierService(
            region=stack.region,
            tier=stack.part.lower(),
            logical_id=logical_id,
            floor=floor,
            ceiling=ceiling,
            vcpu=int(task["Cpu"]) / 1_024,
            memory_gb=int(task["Memory"]) / 1_024,
        )


def _zone(subnet: dict[str, Any]) -> str:
    return str(subnet.get("AvailabilityZoneId") or subnet.get("AvailabilityZone") or "any zone")


def _capacity(stack: Stack, service: str) -> tuple[int, int] | None:
    for target in stack.of_type("AWS::ApplicationAutoScaling::ScalableTarget").values():
        if _mentions(target["ResourceId"], service):
            return target["MinCapacity"], target["MaxCapacity"]
    return None


def _mentions(value: Any, logical_id: str) -> bool:
    if isinstance(value, dict):
        if value.get("Ref") == logical_id or (value.get("Fn::GetAtt") or [None])[0] == logical_id:
            return True
        value = list(value.values())
    return isinstance(value, list) and any(_mentions(item, logical_id) for item in value)


def _task_definition(stack: Stack, reference: Any) -> dict[str, Any]:
    """Find it by reference, or by family where operations own the revision (LiveTaskDefinition)."""
    if isinstance(reference, str):
        for live in stack.of_type("Custom::LiveTaskDefinition").values():
            if live["Family"] == reference:
                reference = live["Base"]
    for logical_id, task in stack.of_type("AWS::ECS::TaskDefinition").items():
        if _mentions(reference, logical_id) or task.get("Family") == reference:
            return task
    raise ValueError(f"'{stack.path}' should hold the task definition {reference}; it does not")

"""Stacks that cannot go while something that is retained stands in their networks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from deploy.quotas.references import References
from review.assembly import Stack
from review.template_diff.protections import policy

# What keeps network interfaces in subnets, and groups in use, for as long as it stands.
_TENANTS = (
    "AWS::EC2::Instance",
    "AWS::EFS::MountTarget",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::ElastiCache::ServerlessCache",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::RedshiftServerless::Workgroup",
)
# EC2 and RDS refuse to delete these while such a thing stands in them.
_IN_USE = (
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::Subnet",
    "AWS::EC2::VPC",
    "AWS::RDS::DBSubnetGroup",
)

Place = tuple[str, str]  # a stack's path and a logical id


def held(stacks: Sequence[Stack]) -> dict[str, str]:
    """By path: the stacks that must stay, and why. What they depend on must stay with them."""
    by_path = {stack.path: stack for stack in stacks}
    references = References(stacks)
    found: dict[str, str] = {}
    for stack in stacks:
        for logical_id, resource in stack.resources.items():
            if resource["Type"] in _TENANTS and policy(resource, "DeletionPolicy") == "Retain":
                for path, _ in _in_use((stack.path, logical_id), by_path, references):
                    found.setdefault(path, f"{stack.path}/{logical_id} is retained, and uses it")
    waiting = list(found)
    while waiting:
        user = waiting.pop()
        for path in by_path[user].depends_on:
            if path in by_path and path not in found:
                found[path] = f"{user} stays, and uses it"
                waiting.append(path)
    return found


def _in_use(start: Place, stacks: dict[str, Stack], references: References) -> Iterator[Place]:
    """What deleting their stacks would delete from under the resource, however far it refers."""
    waiting, seen = [start], {start}
    while waiting:
        path, logical_id = waiting.pop()
        resource = stacks[path].resources[logical_id]
        if (path, logical_id) != start and policy(resource, "DeletionPolicy") != "Retain":
            yield path, logical_id
        for value in _values(resource.get("Properties", {})):
            place = references.target(stacks[path], value)
            other = stacks[place[0]].resources.get(place[1], {}) if place[0] in stacks else {}
            if other.get("Type") in _IN_USE and place not in seen:
                seen.add(place)
                waiting.append(place)


def _values(value: Any) -> Iterator[Any]:
    """Every mapping at any depth: references are among them."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _values(item)

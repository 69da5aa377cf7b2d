"""Stacks that cannot go while something that is retained stands in their networks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from assembly.protections import policy
from assembly.references import StackReferences
from assembly.stack import Stack

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

ResourceKey = tuple[str, str]  # a stack's path and a logical id


def held(stacks: Iterable[Stack]) -> dict[str, str]:
    """Return, by path, the stacks that must stay, and why; what they depend on is among them."""
    by_path = {stack.path: stack for stack in stacks}
    paths = {stack.name: path for path, stack in by_path.items()}
    references = StackReferences(by_path.values())
    found: dict[str, str] = {}
    for stack in by_path.values():
        for logical_id, resource in stack.resources.items():
            if resource["Type"] in _TENANTS and policy(resource, "DeletionPolicy") == "Retain":
                for path, _ in _in_use((stack.path, logical_id), by_path, references):
                    found.setdefault(path, f"{stack.path}/{logical_id} is retained, and uses it")
    waiting = list(found)
    while waiting:
        user = waiting.pop()
        for path in (paths.get(name) for name in by_path[user].dependencies):
            if path is not None and path not in found:
                found[path] = f"{user} stays, and uses it"
                waiting.append(path)
    return found


def _in_use(
    start: ResourceKey, stacks: dict[str, Stack], references: StackReferences
) -> Iterator[ResourceKey]:
    """Yield what deleting its stack would delete from under the resource, however far it refers."""
    waiting, seen = [start], {start}
    while waiting:
        path, logical_id = waiting.pop()
        resource = stacks[path].resources[logical_id]
        if (path, logical_id) != start and policy(resource, "DeletionPolicy") != "Retain":
            yield path, logical_id
        for value in _values(resource.get("Properties", {})):
            used = references.target(stacks[path], value)
            other = stacks[used[0]].resources.get(used[1], {}) if used[0] in stacks else {}
            if other.get("Type") in _IN_USE and used not in seen:
                seen.add(used)
                waiting.append(used)


def _values(value: Any) -> Iterator[Any]:
    """Yield every mapping at any depth: references are among them."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _values(item)

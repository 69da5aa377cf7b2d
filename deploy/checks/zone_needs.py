"""Reads from templates what each zone must offer: database classes, instances and endpoints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from assembly.references import StackReferences
from assembly.stack import Stack


@dataclass(frozen=True, kw_only=True)
class DatabaseClass:
    """A class of database instances with the engine's version."""

    engine: str
    version: str
    name: str  # such as db.r8g.xlarge

    def __str__(self) -> str:
        return f"the database class {self.name} with {self.engine} {self.version}"


@dataclass(frozen=True, kw_only=True)
class InstanceType:
    """A type of EC2 instances."""

    name: str  # such as r8g.large

    def __str__(self) -> str:
        return f"the instance type {self.name}"


@dataclass(frozen=True, kw_only=True)
class EndpointService:
    """A service that is reached by an interface endpoint."""

    name: str  # such as com.amazonaws.us-east-1.logs

    def __str__(self) -> str:
        return f"the interface endpoint {self.name}"


ZoneOffer = DatabaseClass | InstanceType | EndpointService


@dataclass(frozen=True, kw_only=True)
class ZoneNeed:
    """A resource needs this of a zone; `zone_id` is None where the assembly does not name it."""

    resource: str  # its stack's path and logical id
    region: str
    zone_id: str | None
    offer: ZoneOffer


def zone_needs(stacks: Iterable[Stack]) -> Iterator[ZoneNeed]:
    """Yield a need for each resource and zone; zones are those of the subnets that it names."""
    read = tuple(stacks)
    templates = _Templates(read)
    for stack in read:
        for found in (_databases, _instances, _endpoints):
            for logical_id, subnet, offer in found(templates, stack):
                yield ZoneNeed(
                    resource=f"{stack.path}/{logical_id}",
                    region=stack.region,
                    zone_id=templates.properties(stack, subnet).get("AvailabilityZoneId"),
                    offer=offer,
                )


class _Templates:
    """The properties of whichever resource another one refers to."""

    def __init__(self, stacks: tuple[Stack, ...]) -> None:
        self._stacks = {stack.path: stack for stack in stacks}
        self._references = StackReferences(stacks)

    def properties(self, stack: Stack, value: Any) -> dict[str, Any]:
        """Return them, or nothing where the value refers to no resource of the assembly."""
        path, logical_id = self._references.target(stack, value)
        return self._stacks[path].resources.get(logical_id, {}).get("Properties", {})


def _databases(templates: _Templates, stack: Stack) -> Iterator[tuple[str, Any, ZoneOffer]]:
    for logical_id, instance in stack.of_type("AWS::RDS::DBInstance").items():
        cluster = templates.properties(stack, instance.get("DBClusterIdentifier"))
        offer = DatabaseClass(
            engine=instance["Engine"],
            version=cluster.get("EngineVersion") or instance["EngineVersion"],
            name=instance["DBInstanceClass"],
        )
        yield logical_id, instance.get("AvailabilityZone"), offer


def _instances(templates: _Templates, stack: Stack) -> Iterator[tuple[str, Any, ZoneOffer]]:
    for logical_id, group in stack.of_type("AWS::AutoScaling::AutoScalingGroup").items():
        reference = group["LaunchTemplate"]["LaunchTemplateId"]
        template = templates.properties(stack, reference)["LaunchTemplateData"]
        for subnet in group["VPCZoneIdentifier"]:
            yield logical_id, subnet, InstanceType(name=template["InstanceType"])


def _endpoints(_: _Templates, stack: Stack) -> Iterator[tuple[str, Any, ZoneOffer]]:
    for logical_id, endpoint in stack.of_type("AWS::EC2::VPCEndpoint").items():
        if endpoint.get("VpcEndpointType") == "Interface":
            for subnet in endpoint["SubnetIds"]:
                yield logical_id, subnet, EndpointService(name=endpoint["ServiceName"])

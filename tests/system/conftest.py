"""An environment's templates read as one system: references between stacks followed to the end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import pytest

from config.environments import ENVIRONMENTS
from config.model import Environment

_HASH = re.compile(r"[0-9A-F]{8}$")


class Resource(NamedTuple):
    """A resource somewhere in the system."""

    stack: Any
    logical_id: str
    properties: dict[str, Any]

    @property
    def name(self) -> str:
        """The logical id without the hash that the CDK adds."""
        return _HASH.sub("", self.logical_id)


class System:
    """Every stack of one environment, with its exports resolved."""

    def __init__(self, assembly: Any) -> None:
        self.assembly = assembly
        self.stacks = assembly.stacks
        name = next(name for name in self.stacks if name.endswith("-dns"))
        self.environment: Environment = ENVIRONMENTS[name.split("-")[1]]
        self.regions = [region.name for region in self.environment.regions]

    def part(self, region: str, part: str) -> Any:
        return self.assembly.part(region, part)

    def dns(self) -> Any:
        return next(stack for name, stack in self.stacks.items() if name.endswith("-dns"))

    def of_type(self, kind: str, region: str | None = None) -> Iterator[Resource]:
        """Every resource of a CloudFormation type, of one Region or of all."""
        for stack, logical_id, properties in self.assembly.of_type(kind):
            if region in (None, stack.region):
                yield Resource(stack, logical_id, properties)

    @cached_property
    def _exports(self) -> dict[str, tuple[Any, Any]]:
        return {
            output["Export"]["Name"]: (stack, output["Value"])
            for stack in self.stacks.values()
            for output in stack.template.get("Outputs", {}).values()
            if "Export" in output
        }

    def resource(self, stack: Any, value: Any) -> Resource:
        """The resource that a property refers to, in whichever stack it stands."""
        match value:
            case {"Fn::ImportValue": name}:
                return self.resource(*self._exports[name])
            case {"Fn::GetStackOutput": {"StackName": name, "OutputName": output}}:
                other = self.stacks[name]
                return self.resource(other, other.template["Outputs"][output]["Value"])
            case {"Ref": logical_id} | {"Fn::GetAtt": [logical_id, _]}:
                properties = stack.resources[logical_id].get("Properties", {})
                return Resource(stack, logical_id, properties)
        raise AssertionError(f"{value!r} in {stack.name} refers to no resource")

    def zones(self, stack: Any, subnets: list[Any]) -> list[str]:
        """The zone ids of a property that lists subnets."""
        found = (self.resource(stack, subnet) for subnet in subnets)
        return [resource.properties["AvailabilityZoneId"] for resource in found]

    def services(self) -> Iterator[Resource]:
        """The services that answer requests."""
        found = self.of_type("AWS::ECS::Service")
        return (service for service in found if service.properties.get("LoadBalancers"))

    def workers(self) -> Iterator[Resource]:
        """The services that no request reaches."""
        found = self.of_type("AWS::ECS::Service")
        return (service for service in found if not service.properties.get("LoadBalancers"))

    def tier_of(self, service: Resource) -> str:
        """ "edge", "app" or "worker"."""
        return service.stack.name.rpartition("-")[2]

    def scaling(self, service: Resource) -> Resource:
        """The scalable target of a service."""
        for target in self.of_type("AWS::ApplicationAutoScaling::ScalableTarget"):
            if target.stack is service.stack and service.logical_id in str(target.properties):
                return target
        raise AssertionError(f"nothing scales {service.logical_id}")


def inside(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key and value at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from inside(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from inside(inner)


def attributes(properties: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a load balancer or target group as a mapping."""
    pairs = properties.get("LoadBalancerAttributes") or properties["TargetGroupAttributes"]
    return {pair["Key"]: pair["Value"] for pair in pairs}


@pytest.fixture(scope="session")
def system(assembly) -> System:
    """Each of the shipped environments in turn."""
    return System(assembly)


@pytest.fixture(scope="session")
def production_system(production) -> System:
    return System(production)


@pytest.fixture(scope="session")
def systems(assembly_of):
    """`systems("small")`: the system of one environment by name."""
    return lambda name: System(assembly_of(name))


@pytest.fixture(scope="session", name="attributes")
def attributes_fixture():
    return attributes


@pytest.fixture(scope="session", name="inside")
def inside_fixture():
    return inside

"""What CloudFormation does with an assembly, done through boto3: resolve, create, remember."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import boto3

from assembly.reader import Assembly
from assembly.stack import Stack
from tests.moto_templates.api_shapes import Properties

_PSEUDO = {"AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com"}

# For mock_aws: the CDK's own functions attach a managed policy of AWS.
MOTO_CONFIG: Any = {"iam": {"load_aws_managed_policies": True}}


@dataclass(frozen=True)
class Resource:
    """One created resource: its properties with every reference resolved, and what it became."""

    stack: str
    region: str
    logical_id: str
    kind: str
    properties: Properties
    ref: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    sent: Properties = field(default_factory=dict)  # the input of the call that created it


@dataclass(frozen=True)
class Site:
    """Where a resource is created: its stack, its Region, and the clients there."""

    stack: str
    region: str
    logical_id: str
    assets: Path
    account: str
    before: Resource | None  # the resource as it was before an update

    def client(self, service: str, region: str | None = None) -> Any:
        return client(service, region or self.region)

    def physical_name(self, longest: int = 32) -> str:
        """A name as CloudFormation invents one: unique in the account, within the length."""
        part = self.stack.rpartition("-")[2]
        return f"{self.region[:7]}-{part}-{self.logical_id[-8:]}"[:longest].lower()


Created = tuple[str, dict[str, Any], Properties]  # Ref, what GetAtt knows, what was sent
Table = Mapping[str, Callable[[Site, Properties], Created]]


@cache
def client(service: str, region: str) -> Any:
    return _session().client(service, region_name=region)


@cache
def _session() -> boto3.Session:
    """One for all clients, because it keeps the APIs' models that it has read."""
    return boto3.Session()


class Deployment:
    """Stacks, deployed in the order in which the CDK CLI would deploy them.

    A reference to another stack must lead to one deployed before, so the order that the assembly
    declares is tested with everything else; within a stack the order is CloudFormation's, from
    references and `DependsOn`. `table` says how a type is created, `updates` how it is changed.
    """

    def __init__(self, table: Table, account: str, updates: Table | None = None) -> None:
        self.resources: dict[tuple[str, str], Resource] = {}
        self._table, self._updates, self._account = table, updates or {}, account
        self._exports: dict[tuple[str, str], Any] = {}
        self._outputs: dict[tuple[str, str, str], Any] = {}

    def deploy(self, assembly: Assembly, stacks: Collection[str] | None = None) -> list[str]:
        """Create what is new, update what resolves to other properties, touch nothing else.

        Returns the logical ids that were touched. `stacks` limits the deploy to these names.
        """
        names = assembly.stacks.keys() if stacks is None else stacks
        graph = {name: set(assembly.stacks[name].dependencies) & set(names) for name in names}
        touched: list[str] = []
        for name in TopologicalSorter(graph).static_order():
            touched += self._deploy(assembly.stacks[name], assembly.directory)
        return touched

    def of_type(self, kind: str) -> Iterator[Resource]:
        """Every created resource of a CloudFormation type, in both Regions."""
        return (resource for resource in self.resources.values() if resource.kind == kind)

    def named(self, region: str, part: str, beginning: str) -> Resource:
        """The one resource of a Region's part whose logical id begins so."""
        (found,) = [
            resource
            for resource in self.resources.values()
            if resource.stack.endswith(f"{region}-{part}")
            and re.fullmatch(rf"{beginning}[0-9A-F]{{8}}", resource.logical_id)
        ]
        return found

    def _deploy(self, stack: Stack, assets: Path) -> Iterator[str]:
        graph = {key: _needs(resource, stack) for key, resource in stack.resources.items()}
        for logical_id in TopologicalSorter(graph).static_order():
            template = stack.resources[logical_id]
            kind, before = template["Type"], self.resources.get((stack.name, logical_id))
            if kind not in self._table:
                continue
            properties = self._resolve(template.get("Properties", {}), stack)
            if before and before.properties == properties:
                continue
            site = Site(stack.name, stack.region, logical_id, assets, self._account, before)
            act = self._updates[kind] if before else self._table[kind]
            ref, attributes, sent = act(site, properties)
            self.resources[stack.name, logical_id] = Resource(
                stack.name, stack.region, logical_id, kind, properties, ref, attributes, sent
            )
            yield logical_id
        for name, output in stack.template.get("Outputs", {}).items():
            value = self._resolve(output["Value"], stack)
            self._outputs[stack.region, stack.name, name] = value
            if "Export" in output:
                self._exports[stack.region, output["Export"]["Name"]] = value

    def _resolve(self, value: Any, stack: Stack) -> Any:
        if isinstance(value, list):
            return [self._resolve(item, stack) for item in value]
        if isinstance(value, str):
            return self._secrets_in(value, stack)
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._intrinsic(name, argument, stack)
        return {key: self._resolve(item, stack) for key, item in value.items()}

    def _intrinsic(self, name: str, argument: Any, stack: Stack) -> Any:
        if name == "Ref":
            return self._ref(argument, stack)
        if name == "Fn::GetAtt":
            logical_id, attribute = argument
            if self._is_absent(logical_id, stack):
                place = f"{stack.region}:{self._account}"
                return f"arn:aws:absent:{place}:{stack.name}/{logical_id}.{attribute}"
            return self.resources[stack.name, logical_id].attributes[attribute]
        if name == "Fn::Sub":
            return re.sub(r"\$\{([^}]+)\}", lambda match: self._ref(match[1], stack), argument)
        if name == "Fn::ImportValue":
            return self._exports[stack.region, self._resolve(argument, stack)]
        if name == "Fn::GetStackOutput":
            place = (argument["Region"], argument["StackName"], argument["OutputName"])
            return self._outputs[place]
        if name == "Fn::Base64":
            return base64.b64encode(self._resolve(argument, stack).encode()).decode()
        one, other = self._resolve(argument, stack)
        if name == "Fn::Join":
            return self._secrets_in(one.join(other), stack)
        if name == "Fn::Select":
            return other[int(one)]
        if name == "Fn::Split":
            return other.split(one)
        raise NotImplementedError(f"{name} in {stack.name}")

    def _secrets_in(self, text: str, stack: Stack) -> str:
        """Dynamic references to a secret become what it holds, as when CloudFormation deploys."""

        def secret(match: re.Match[str]) -> str:
            found = client("secretsmanager", stack.region).get_secret_value(SecretId=match[1])
            return json.loads(found["SecretString"])[match[2]]

        text = re.sub(r"\{\{resolve:secretsmanager:(.+?):SecretString:(\w+)::\}\}", secret, text)
        if "{{resolve:" in text and not text.startswith("{{resolve:secretsmanager:"):
            raise NotImplementedError(f"{text} in {stack.name}")
        return text

    def _ref(self, name: str, stack: Stack) -> str:
        if name == "AWS::Region":
            return stack.region
        if name in _PSEUDO:
            return _PSEUDO[name]
        if self._is_absent(name, stack):
            return f"absent-{stack.name}-{name}"
        return self.resources[stack.name, name].ref

    def _is_absent(self, logical_id: str, stack: Stack) -> bool:
        """Of a type that no row of the table creates: a word of its own stands in for it."""
        return stack.resources[logical_id]["Type"] not in self._table


def _needs(resource: dict[str, Any], stack: Stack) -> set[str]:
    """The logical ids that CloudFormation creates before this resource."""
    depends = resource.get("DependsOn", [])
    needs = {depends} if isinstance(depends, str) else set(depends)
    pending = [resource.get("Properties", {})]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending += value
        elif isinstance(value, dict):
            if "Ref" in value:
                needs.add(value["Ref"])
            if "Fn::GetAtt" in value:
                needs.add(value["Fn::GetAtt"][0])
            pending += value.values()
    return needs & set(stack.resources)

"""One type's contract: what a template makes, as the service's own API tells it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Template = Mapping[str, Any]


class Seen(NamedTuple):
    """A stack as a reader of its resources finds it."""

    aws: Callable[..., Any]  # a boto3 client: aws("ec2"), aws("kms", "us-west-2")
    refs: Mapping[str, str]  # logical id -> physical id
    ref: str  # the subject's


@dataclass(frozen=True, kw_only=True)
class Row:
    """A resource of the type `kind`, named Subject, in a template beside what it needs.

    `read` asks the service's API for some facts: `made` at first, `changed` after the properties
    `update` (None removes one), GoneError or an API's error once the stack is deleted.
    `replaces` tells that the update makes another resource, and the first one goes.
    """

    kind: str
    properties: Template
    read: Callable[[Seen], Any]
    made: Any
    update: Template = field(default_factory=dict)
    changed: Any = None
    replaces: bool = False
    beside: Template = field(default_factory=dict)
    what: str = ""  # tells two rows of a kind apart

    def template(self, *, updated: bool = False) -> dict[str, Any]:
        properties = {**self.properties, **(self.update if updated else {})}
        subject = {
            "Type": self.kind,
            "Properties": {key: value for key, value in properties.items() if value is not None},
        }
        return {"Resources": {**self.beside, "Subject": subject}}

    def __str__(self) -> str:
        return f"{self.kind.removeprefix('AWS::')}{self.what and f' {self.what}'}"


def ref(logical_id: str) -> dict[str, str]:
    return {"Ref": logical_id}


def att(logical_id: str, attribute: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [logical_id, attribute]}


def tags(**values: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in values.items()]


def tag(found: Any, key: str = "who") -> str | None:
    """The value of one tag, from a list of Key and Value."""
    return next((entry["Value"] for entry in found or () if entry["Key"] == key), None)


class GoneError(LookupError):
    """The API answers that there is no such resource."""


def one(found: Iterable[Any]) -> Any:
    """The only item. Raises GoneError where there is none."""
    items = list(found)
    assert len(items) < 2, items
    if not items:
        raise GoneError
    return items[0]


def part(found: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Some members of an answer, None for one that it has not."""
    return {name: found.get(name) for name in names}


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


VPC = {"Vpc": resource("AWS::EC2::VPC", CidrBlock="10.9.0.0/16")}
SUBNETS = {
    **VPC,
    **{
        f"Subnet{number}": resource(
            "AWS::EC2::Subnet",
            VpcId=ref("Vpc"),
            CidrBlock=f"10.9.{number}.0/24",
            AvailabilityZoneId=f"use1-az{zone}",
        )
        for number, zone in ((1, 1), (2, 2), (3, 4))
    },
}
GROUP = {
    **VPC,
    "Group": resource("AWS::EC2::SecurityGroup", VpcId=ref("Vpc"), GroupDescription="a group"),
}


def role(service: str) -> dict[str, Any]:
    """A role that a service of AWS may take."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return resource("AWS::IAM::Role", AssumeRolePolicyDocument=document)

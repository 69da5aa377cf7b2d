"""Protections that keep AWS from deleting a resource, as it has them now, and their off switch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore import xform_name

from assembly.protections import policy, switched_on
from deploy.clients import AwsClients
from deploy.standing import StandingStack


@dataclass(frozen=True, kw_only=True)
class Switch:
    """A protection that is on; `command` switches it off for a person, `off` for a program."""

    what: str
    command: str
    off: Callable[[], object] | None = None  # None where it is known by its template alone


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """A type's protection: how it is read, given its service's client and an id, and the API call
    that switches it off."""

    service: str
    is_on: Callable[[Any, str], bool]
    operation: str
    id: str  # the argument that holds the id
    arguments: dict[str, Any]


def _balancer(elbv2: Any, arn: str) -> bool:
    found = elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    return {"Key": "deletion_protection.enabled", "Value": "true"} in found


def _cluster(rds: Any, name: str) -> bool:
    (found,) = rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"]
    return found.get("DeletionProtection", False)


def _instance(rds: Any, name: str) -> bool:
    (found,) = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    return found.get("DeletionProtection", False)


def _global_cluster(rds: Any, name: str) -> bool:
    (found,) = rds.describe_global_clusters(GlobalClusterIdentifier=name)["GlobalClusters"]
    return found.get("DeletionProtection", False)


def _table(dynamodb: Any, name: str) -> bool:
    return dynamodb.describe_table(TableName=name)["Table"].get("DeletionProtectionEnabled", False)


def _machine(ec2: Any, machine: str) -> bool:
    attribute = "disableApiTermination"
    found = ec2.describe_instance_attribute(InstanceId=machine, Attribute=attribute)
    return found["DisableApiTermination"]["Value"]


_TABLE = _Kind(
    service="dynamodb",
    is_on=_table,
    operation="update_table",
    id="TableName",
    arguments={"DeletionProtectionEnabled": False},
)
_NOW = {"DeletionProtection": False, "ApplyImmediately": True}
_KINDS = {
    "AWS::DynamoDB::GlobalTable": _TABLE,
    "AWS::DynamoDB::Table": _TABLE,
    "AWS::EC2::Instance": _Kind(
        service="ec2",
        is_on=_machine,
        operation="modify_instance_attribute",
        id="InstanceId",
        arguments={"DisableApiTermination": {"Value": False}},
    ),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _Kind(
        service="elbv2",
        is_on=_balancer,
        operation="modify_load_balancer_attributes",
        id="LoadBalancerArn",
        arguments={"Attributes": [{"Key": "deletion_protection.enabled", "Value": "false"}]},
    ),
    "AWS::RDS::DBCluster": _Kind(
        service="rds",
        is_on=_cluster,
        operation="modify_db_cluster",
        id="DBClusterIdentifier",
        arguments=_NOW,
    ),
    "AWS::RDS::DBInstance": _Kind(
        service="rds",
        is_on=_instance,
        operation="modify_db_instance",
        id="DBInstanceIdentifier",
        arguments=_NOW,
    ),
    "AWS::RDS::GlobalCluster": _Kind(
        service="rds",
        is_on=_global_cluster,
        operation="modify_global_cluster",
        id="GlobalClusterIdentifier",
        arguments={"DeletionProtection": False},
    ),
}


def switches(clients: AwsClients, stacks: Sequence[StandingStack]) -> Iterator[Switch]:
    """Yield everything that is on, stacks first. What is retained is in nobody's way."""
    for one in stacks:
        if one.live.protected:
            yield _switch(
                clients,
                f"termination protection of {one.stack.path}",
                ("cloudformation", one.stack.region, "update_termination_protection"),
                {"StackName": one.stack.name, "EnableTerminationProtection": False},
            )
    for one in stacks:
        yield from _resource_switches(clients, one)


def _resource_switches(clients: AwsClients, one: StandingStack) -> Iterator[Switch]:
    for live in one.resources:
        kind = _KINDS.get(live.type)
        resource = one.stack.resources.get(live.logical_id, {})
        if policy(resource, "DeletionPolicy") == "Retain":
            continue
        what = f"deletion protection of {one.stack.path}/{live.logical_id}"
        if kind is None:
            for name in switched_on(resource):
                yield Switch(what=what, command=f"switch off {name} in the console")
        elif kind.is_on(clients(kind.service, live.region), live.physical_id):
            call = (kind.service, live.region, kind.operation)
            yield _switch(clients, what, call, {kind.id: live.physical_id, **kind.arguments})


def _switch(
    clients: AwsClients, what: str, call: tuple[str, str, str], arguments: dict[str, Any]
) -> Switch:
    service, region, operation = call
    words = [_option(xform_name(name, "-"), value) for name, value in arguments.items()]
    return Switch(
        what=what,
        command=f"aws {service} {operation.replace('_', '-')} --region {region} {' '.join(words)}",
        off=partial(getattr(clients(service, region), operation), **arguments),
    )


def _option(name: str, value: Any) -> str:
    """Return an argument of an API as the AWS CLI takes it."""
    match value:
        case bool():
            return f"--{name}" if value else f"--no-{name}"
        case {"Value": bool(inner)}:
            return _option(name, inner)
        case [dict(pair)]:
            return f"--{name} {','.join(f'{key}={text}' for key, text in pair.items())}"
    return f"--{name} {value}"

"""What keeps AWS from deleting a resource, as the resource has it now, and its off switch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from deploy.clients import Clients
from deploy.standing import Standing
from review.retained import Protection, protections_of
from review.template_diff.protections import policy


@dataclass(frozen=True, kw_only=True)
class Switch:
    """A protection that is on; `command` switches it off."""

    what: str
    command: str


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """How a type's protection is read, given its service's client and an id, and switched off."""

    service: str
    is_on: Callable[[Any, str], bool]
    command: str  # of the AWS CLI, with {id} and {region}


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
    command="aws dynamodb update-table --region {region} --table-name {id} "
    "--no-deletion-protection-enabled",
)
_KINDS = {
    "AWS::DynamoDB::GlobalTable": _TABLE,
    "AWS::DynamoDB::Table": _TABLE,
    "AWS::EC2::Instance": _Kind(
        service="ec2",
        is_on=_machine,
        command="aws ec2 modify-instance-attribute --region {region} --instance-id {id} "
        "--no-disable-api-termination",
    ),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _Kind(
        service="elbv2",
        is_on=_balancer,
        command="aws elbv2 modify-load-balancer-attributes --region {region} "
        "--load-balancer-arn {id} --attributes Key=deletion_protection.enabled,Value=false",
    ),
    "AWS::RDS::DBCluster": _Kind(
        service="rds",
        is_on=_cluster,
        command="aws rds modify-db-cluster --region {region} --db-cluster-identifier {id} "
        "--no-deletion-protection --apply-immediately",
    ),
    "AWS::RDS::DBInstance": _Kind(
        service="rds",
        is_on=_instance,
        command="aws rds modify-db-instance --region {region} --db-instance-identifier {id} "
        "--no-deletion-protection --apply-immediately",
    ),
    "AWS::RDS::GlobalCluster": _Kind(
        service="rds",
        is_on=_global_cluster,
        command="aws rds modify-global-cluster --region {region} --global-cluster-identifier {id} "
        "--no-deletion-protection",
    ),
}


def switches(clients: Clients, stacks: Sequence[Standing]) -> tuple[Switch, ...]:
    """Everything that is on, stacks first. What is retained is in nobody's way."""
    whole = [
        Switch(
            what=f"termination protection of {one.stack.path}",
            command=f"aws cloudformation update-termination-protection --region "
            f"{one.stack.region} --stack-name {one.stack.name} --no-enable-termination-protection",
        )
        for one in stacks
        if one.live.protected
    ]
    return (*whole, *(switch for one in stacks for switch in _of_resources(clients, one)))


def _of_resources(clients: Clients, one: Standing) -> Iterator[Switch]:
    declared = {found.logical_id: found for found in protections_of([one.template])}
    for live in one.resources:
        kind = _KINDS.get(live.type)
        resource = one.stack.resources.get(live.logical_id, {})
        if policy(resource, "DeletionPolicy") == "Retain":
            continue
        what = f"deletion protection of {one.stack.path}/{live.logical_id}"
        if kind is None:
            yield from _declared(what, declared.get(live.logical_id))
        elif kind.is_on(clients(kind.service, live.region), live.physical_id):
            command = kind.command.format(id=live.physical_id, region=live.region)
            yield Switch(what=what, command=command)


def _declared(what: str, protection: Protection | None) -> Iterator[Switch]:
    """By its template alone, where nobody has taught this file to ask."""
    if protection is not None:
        yield Switch(what=what, command=f"switch off {protection.switch} in the console")

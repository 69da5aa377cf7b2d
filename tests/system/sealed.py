"""Who reads or writes what is sealed with one of our keys, read from synthesized templates.

A permission on a sealed resource is none without the permission on its key, and AWS says so only
at run time. `missing` compares the two for every role. What an action needs of a key is stated by
the service's own documentation, named beside each row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from assembly.reader import Assembly
from assembly.references import StackReferences
from assembly.stack import Stack

Resource = tuple[str, str]  # a stack's path and a logical id; or the path and a literal's text

# Amazon S3 User Guide, "Protecting data with server-side encryption": an upload in parts is
# decrypted to be completed. Amazon SQS and SNS Developer Guides, "Key management": a producer
# decrypts the data key that it reuses. AWS Secrets Manager User Guide, "Permissions for the KMS
# key". Amazon DynamoDB Developer Guide, "Encryption at rest: usage notes" and "Requesting a table
# export". Amazon EBS User Guide, "Requirements for Amazon EBS encryption": the snapshot's copier.
_READ, _WRITE = {"kms:Decrypt"}, {"kms:Decrypt", "kms:GenerateDataKey"}
NEEDED = {
    "s3:GetObject": _READ,
    "s3:PutObject": _WRITE,
    "sqs:SendMessage": _WRITE,
    "sqs:ReceiveMessage": _READ,
    "sns:Publish": _WRITE,
    "secretsmanager:GetSecretValue": _READ,
    "dynamodb:GetItem": _READ,
    "dynamodb:BatchGetItem": _READ,
    "dynamodb:Query": _READ,
    "dynamodb:PutItem": _READ,
    "dynamodb:UpdateItem": _READ,
    "dynamodb:DeleteItem": _READ,
    "dynamodb:ExportTableToPointInTime": _READ,
    "ebs:GetSnapshotBlock": _READ,
}
COPIES = {
    *("kms:DescribeKey", "kms:CreateGrant", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo"),
    "kms:GenerateDataKeyWithoutPlaintext",
}
# An export writes with its caller's permissions, in parts (the same page of DynamoDB's guide).
EXPORTS = {"s3:PutObject", "s3:PutObjectAcl", "s3:AbortMultipartUpload"}
_KEY_OF = {
    "AWS::SQS::Queue": ("KmsMasterKeyId",),
    "AWS::SNS::Topic": ("KmsMasterKeyId",),
    "AWS::SecretsManager::Secret": ("KmsKeyId",),
}


@dataclass
class Role:
    """Holds what a role may do: pairs of an action's pattern and a resource."""

    region: str
    copies_to: set[str] = field(default_factory=set)  # other Regions, of EBS snapshots
    grants: set[tuple[str, Resource]] = field(default_factory=set)

    def may(self, action: str, resource: Resource) -> bool:
        return any(
            fnmatchcase(action, pattern) and granted in (resource, ANY)
            for pattern, granted in self.grants
        )


ANY: Resource = ("", "*")


@dataclass(frozen=True)
class Sealed:
    """Reads an assembly once: its roles, and the key of each sealed resource."""

    roles: dict[Resource, Role]
    keys: dict[Resource, Resource]
    volume_keys: dict[str, set[Resource]]  # by Region
    regions: dict[str, str]  # by stack's path

    def missing(self) -> Iterator[str]:
        """Yield a sentence for each permission of a key that a role lacks for what it may do."""
        for name, role in self.roles.items():
            for resource, key in self.keys.items():
                actions = [action for action in NEEDED if role.may(action, resource)]
                for needed in sorted(set().union(*(NEEDED[action] for action in actions))):
                    if not role.may(needed, key):
                        yield f"{name} may {actions} on {resource}, not {needed} on {key}"
            yield from self._of_volumes(name, role)

    def _of_volumes(self, name: Resource, role: Role) -> Iterator[str]:
        actions = {pattern for pattern, _ in role.grants}
        needed = {"kms:Decrypt"} if "ebs:GetSnapshotBlock" in actions else set()
        if "ec2:CopySnapshot" in actions:
            needed |= COPIES
            for region in sorted(role.copies_to):
                keys = {key for pattern, key in role.grants if pattern.startswith("kms:")}
                there = {key for key in keys if self.regions.get(key[0]) == region}
                for action in sorted(COPIES):
                    if not any(role.may(action, key) for key in there):
                        yield f"{name} copies snapshots to {region}, not {action} on a key there"
        for key in self.volume_keys.get(role.region, ()):
            for action in sorted(needed):
                if not role.may(action, key):
                    yield f"{name} reads snapshots, not {action} on their key {key}"

    def exporters(self) -> Iterator[tuple[Resource, set[str]]]:
        """Yield each role that exports a table, with what it lacks of writing into its bucket."""
        for name, role in self.roles.items():
            actions = {pattern for pattern, _ in role.grants}
            if "dynamodb:ExportTableToPointInTime" in actions:
                yield name, EXPORTS - actions


def read(assembly: Assembly) -> Sealed:
    """Return what the templates grant and seal."""
    return _Reader(assembly).read()


class _Reader:
    def __init__(self, assembly: Assembly) -> None:
        self._stacks = tuple(assembly.stacks.values())
        self._references = StackReferences(self._stacks)
        tables = [
            ((stack.path, logical_id), properties.get("TableName"))
            for stack in self._stacks
            for logical_id, properties in stack.of_type("AWS::DynamoDB::GlobalTable").items()
        ]
        self._tables = {table for table, _ in tables}
        self._named = {name: table for table, name in tables if isinstance(name, str)}

    def read(self) -> Sealed:
        roles: dict[Resource, Role] = {}
        keys: dict[Resource, Resource] = {}
        volumes: dict[str, set[Resource]] = defaultdict(set)
        for stack in self._stacks:
            for logical_id, resource in stack.resources.items():
                properties = resource.get("Properties", {})
                where = (stack.path, logical_id)
                for role, document in self._policies(stack, logical_id, resource):
                    held = roles.setdefault(role, Role(stack.region))
                    held.grants |= set(self._grants(stack, document))
                    held.copies_to |= set(_copied(document)) - {stack.region}
                if (key := _key(resource["Type"], properties)) is not None:
                    keys[where] = self._references.target(stack, key)
                for region, key in _replica_keys(resource["Type"], properties):
                    keys[f"{stack.path}@{region}", logical_id] = self._references.target(stack, key)
                for disk in _disks(resource["Type"], properties):
                    volumes[stack.region].add(self._references.target(stack, disk))
        regions = {stack.path: stack.region for stack in self._stacks}
        return Sealed(roles=roles, keys=keys, volume_keys=dict(volumes), regions=regions)

    def _policies(
        self, stack: Stack, logical_id: str, resource: dict[str, Any]
    ) -> Iterator[tuple[Resource, dict[str, Any]]]:
        properties = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::IAM::Role":
                for policy in properties.get("Policies", ()):
                    yield (stack.path, logical_id), policy["PolicyDocument"]
            case "AWS::IAM::Policy" | "AWS::IAM::ManagedPolicy":
                for role in properties.get("Roles", ()):
                    yield self._references.target(stack, role), properties["PolicyDocument"]
            case "AWS::IAM::RolePolicy":
                role = self._references.target(stack, properties["RoleName"])
                yield role, properties["PolicyDocument"]

    def _grants(self, stack: Stack, document: dict[str, Any]) -> Iterator[tuple[str, Resource]]:
        for statement in document["Statement"]:
            if statement["Effect"] != "Allow":
                continue
            for action in _several(statement.get("Action", ())):
                for resource in _several(statement.get("Resource", ())):
                    yield action, self._resource(stack, resource)

    def _resource(self, stack: Stack, value: Any) -> Resource:
        """Return the resource whose ARN, or whose objects', this is; a table with its Region."""
        region = stack.region
        if value == "*":
            return ANY
        if isinstance(value, dict) and "Fn::Join" in value:
            inner = [part for part in value["Fn::Join"][1] if isinstance(part, dict)]
            inner = [part for part in inner if not str(part.get("Ref", "")).startswith("AWS::")]
            value = inner[0] if len(inner) == 1 else value
        if isinstance(value, str) and ":table/" in value:
            region, name = value.split(":")[3], value.split(":table/")[1].partition("/")[0]
            found = self._named.get(name, (stack.path, value))
        else:
            found = self._references.target(stack, value)
        return (f"{found[0]}@{region}", found[1]) if found in self._tables else found


def _copied(document: dict[str, Any]) -> Iterator[str]:
    """Yield the Regions that snapshots may be copied to."""
    for statement in document["Statement"]:
        if "ec2:CopySnapshot" in _several(statement.get("Action", ())):
            yield from (arn.split(":")[3] for arn in _several(statement["Resource"]))


def _replica_keys(kind: str, properties: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for replica in properties.get("Replicas", ()) if kind == "AWS::DynamoDB::GlobalTable" else ():
        if key := replica.get("SSESpecification", {}).get("KMSMasterKeyId"):
            yield replica["Region"], key


def _key(kind: str, properties: dict[str, Any]) -> Any:
    """Return the key of ours that a resource is sealed with, as its property has it, or None."""
    if kind == "AWS::S3::Bucket":
        rules = properties.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", ())
        found = [rule["ServerSideEncryptionByDefault"].get("KMSMasterKeyID") for rule in rules]
    else:
        found = [properties.get(name) for name in _KEY_OF.get(kind, ())]
    ours = [key for key in found if isinstance(key, dict)]  # a literal is AWS's own alias
    return ours[0] if ours else None


def _disks(kind: str, properties: dict[str, Any]) -> Iterator[Any]:
    if kind == "AWS::EC2::Volume" and "KmsKeyId" in properties:
        yield properties["KmsKeyId"]


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]

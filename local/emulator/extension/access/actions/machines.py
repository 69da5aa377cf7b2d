"""EC2 and EBS: what the jobs of snapshots and the database nodes ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.access import keys
from local.emulator.extension.access.asked import AskedOperation
from local.emulator.extension.access.checks import Check, Checks, each, service

_GROUPS = {
    f"{verb}SecurityGroup{way}" for verb in ("Authorize", "Revoke") for way in ("Ingress", "Egress")
}


@service("ec2")
def ec2(asked: AskedOperation) -> Checks | None:
    members, operation = asked.members, asked.operation
    if operation.startswith("Describe"):
        return [Check(asked.action, "*")]
    if operation in _GROUPS:
        return [Check(asked.action, asked.arn(f"security-group/{members['GroupId']}"))]
    if operation == "AttachVolume":
        volume, instance = members["VolumeId"], members["InstanceId"]
        arns = [asked.arn(f"volume/{volume}"), asked.arn(f"instance/{instance}")]
        return each(asked.action, arns)
    if operation == "AttachNetworkInterface":
        address, instance = members["NetworkInterfaceId"], members["InstanceId"]
        arns = [asked.arn(f"network-interface/{address}"), asked.arn(f"instance/{instance}")]
        return each(asked.action, arns)
    if operation in ("CreateSnapshot", "CreateSnapshots"):
        return _snapshots(asked)
    if operation == "CopySnapshot":
        return _copy(asked)
    if operation == "DeleteSnapshot":
        arn = _snapshot(asked.region, members["SnapshotId"])
        return [Check(asked.action, arn, _tagged("Resource", _tags(members["SnapshotId"])))]
    return None


@service("ebs")
def ebs(asked: AskedOperation) -> Checks | None:
    """Yield the snapshots that are read, and the key of one that is sealed (EBS direct APIs)."""
    members = asked.members
    if asked.operation == "ListChangedBlocks":
        named = [
            members[name] for name in ("FirstSnapshotId", "SecondSnapshotId") if name in members
        ]
    elif asked.operation in ("ListSnapshotBlocks", "GetSnapshotBlock"):
        named = [members["SnapshotId"]]
    else:
        return None
    return _read(asked, named)


def _read(asked: AskedOperation, named: list[str]) -> Iterator[Check]:
    for name in named:
        yield Check(asked.action, _snapshot(asked.region, name))
        record = inside.service("ec2")._snapshots.get(name) or {}
        if asked.operation == "GetSnapshotBlock":
            yield from keys.through("ec2", record.get("KmsKeyId"), "Decrypt")


def _snapshot(region: str, name: str = "*") -> str:
    """Return a snapshot's ARN, which has no account."""
    return f"arn:aws:ec2:{region}::snapshot/{name}"


def _snapshots(asked: AskedOperation) -> Iterator[Check]:
    members = asked.members
    instance = members.get("InstanceSpecification", {}).get("InstanceId")
    if instance is not None:
        yield Check(asked.action, asked.arn(f"instance/{instance}"))
    for volume in _volumes(members.get("VolumeId"), instance):
        tags = _tags(volume)
        yield Check(asked.action, asked.arn(f"volume/{volume}"), _tagged("Resource", tags))
    yield from _made(asked, asked.region)


def _volumes(volume: str | None, instance: str | None) -> list[str]:
    if volume is not None:
        return [volume]
    return [
        name
        for name, record in inside.service("ec2")._volumes.items()
        if any(a.get("InstanceId") == instance for a in record.get("Attachments", ()))
    ]


def _made(asked: AskedOperation, region: str) -> Iterator[Check]:
    """Yield the new snapshot, and its tags, which are put as it is made."""
    tags = {
        tag["Key"]: tag["Value"]
        for given in asked.members.get("TagSpecifications", ())
        for tag in given["Tags"]
    }
    context = _tagged("Request", tags)
    yield Check(asked.action, _snapshot(region), context)
    if tags:
        by = {"ec2:createaction": asked.operation}
        yield Check("ec2:CreateTags", _snapshot(region), {**context, **by})


def _copy(asked: AskedOperation) -> Iterator[Check]:
    """Yield the copy's and the source's keys too (EBS User Guide, "Copy a snapshot")."""
    members = asked.members
    source, region = members["SourceSnapshotId"], members["SourceRegion"]
    with inside.responses.request_scope(asked.account, region):
        record = inside.service("ec2")._snapshots.get(source) or {}
        tags = _tags(source)
        yield Check(asked.action, _snapshot(region, source), _tagged("Resource", tags))
        yield from keys.through("ec2", record.get("KmsKeyId"), "Decrypt", "DescribeKey")
    yield from _made(asked, asked.region)
    grant = {"kms:grantisforawsresource": "true"}
    own = ("DescribeKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo")
    yield from keys.through("ec2", members.get("KmsKeyId"), *own)
    yield from keys.through("ec2", members.get("KmsKeyId"), "CreateGrant", context=grant)


def _tags(resource: str) -> dict[str, str]:
    found: Any = inside.service("ec2")._tags.get(resource) or ()
    return {tag["Key"]: tag["Value"] for tag in found}


def _tagged(kind: str, tags: dict[str, str]) -> dict[str, str]:
    return {f"aws:{kind.lower()}tag/{key.lower()}": value for key, value in tags.items()}

"""Amazon EC2's machines, and Auto Scaling."""

from __future__ import annotations

from typing import Any

from tests.local.contract.row import (
    GROUP,
    SUBNETS,
    Row,
    Seen,
    att,
    one,
    part,
    ref,
    resource,
    tag,
    tags,
)


def _volume(seen: Seen) -> Any:
    found = one(seen.aws("ec2").describe_volumes(VolumeIds=[seen.ref])["Volumes"])
    return {
        **part(found, "AvailabilityZone", "Size", "VolumeType", "Iops", "Throughput"),
        "encrypted": found["Encrypted"] and found["KmsKeyId"].endswith(seen.refs["Key"]),
        "who": tag(found["Tags"]),
    }


def _interface(seen: Seen) -> Any:
    asked = {"NetworkInterfaceIds": [seen.ref]}
    found = one(seen.aws("ec2").describe_network_interfaces(**asked)["NetworkInterfaces"])
    return {
        **part(found, "PrivateIpAddress", "Description"),
        "groups": [g["GroupId"] for g in found["Groups"]] == [seen.refs["Group"]],
        "subnet": found["SubnetId"] == seen.refs["Subnet1"],
        "who": tag(found["TagSet"]),
    }


_ADDRESS = {
    "SubnetId": ref("Subnet1"),
    "PrivateIpAddress": "10.9.1.250",
    "GroupSet": [att("Group", "GroupId")],
}


def _instance(seen: Seen) -> Any:
    found = one(
        instance
        for reservation in seen.aws("ec2").describe_instances(InstanceIds=[seen.ref])[
            "Reservations"
        ]
        for instance in reservation["Instances"]
        if instance["State"]["Name"] != "terminated"
    )
    return {
        **part(found, "InstanceType", "ImageId"),
        "subnet": found["SubnetId"] == seen.refs["Subnet1"],
        "who": tag(found["Tags"]),
    }


_INSTANCE = {"ImageId": "ami-0123456789abcdef0", "InstanceType": "t4g.small"}


def _attachment(seen: Seen) -> Any:
    asked = {"VolumeIds": [seen.refs["Volume"]]}
    found = one(seen.aws("ec2").describe_volumes(**asked)["Volumes"])
    attached = one(found["Attachments"])
    return attached["Device"] == "/dev/sdf" and attached["InstanceId"] == seen.refs["Instance"]


def _template(seen: Seen) -> Any:
    asked = {"LaunchTemplateId": seen.ref, "Versions": ["$Latest"]}
    version = one(
        seen.aws("ec2").describe_launch_template_versions(**asked)["LaunchTemplateVersions"]
    )
    data = version["LaunchTemplateData"]
    return {
        **part(data, "InstanceType", "ImageId", "InstanceInitiatedShutdownBehavior"),
        "tokens": data["MetadataOptions"]["HttpTokens"],
        "version": version["VersionNumber"],
        "disk": one(data["BlockDeviceMappings"])["Ebs"]["VolumeSize"],
    }


def _data(kind: str) -> dict[str, Any]:
    return {
        **_INSTANCE,
        "InstanceType": kind,
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {"HttpTokens": "required"},
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 16}}],
    }


def _group(seen: Seen) -> Any:
    asked = {"AutoScalingGroupNames": [seen.ref]}
    answer = seen.aws("autoscaling").describe_auto_scaling_groups(**asked)
    found = one(answer["AutoScalingGroups"])
    return {
        **part(found, "MinSize", "MaxSize", "HealthCheckType"),
        "template": found["LaunchTemplate"]["LaunchTemplateId"] == seen.refs["Template"],
        "subnet": found["VPCZoneIdentifier"] == seen.refs["Subnet1"],
        "targets": found["TargetGroupARNs"] == [seen.refs["Targets"]],
        "who": tag(found["Tags"]),
    }


def _profile_tags(value: str) -> list[dict[str, Any]]:
    return [{"Key": "who", "Value": value, "PropagateAtLaunch": True}]


_VOLUME = {"AvailabilityZone": "us-east-1a", "Size": 100, "VolumeType": "gp3"}

ROWS = [
    Row(
        kind="AWS::EC2::Volume",
        beside={"Key": resource("AWS::KMS::Key", EnableKeyRotation=True)},
        properties={
            **_VOLUME,
            "Iops": 6000,
            "Throughput": 250,
            "Encrypted": True,
            "KmsKeyId": att("Key", "Arn"),
            "Tags": tags(who="a"),
        },
        read=_volume,
        made={
            "AvailabilityZone": "us-east-1a",
            "Size": 100,
            "VolumeType": "gp3",
            "Iops": 6000,
            "Throughput": 250,
            "encrypted": True,
            "who": "a",
        },
        update={"Size": 200, "Throughput": 500, "Tags": tags(who="b")},
        changed={
            "AvailabilityZone": "us-east-1a",
            "Size": 200,
            "VolumeType": "gp3",
            "Iops": 6000,
            "Throughput": 500,
            "encrypted": True,
            "who": "b",
        },
    ),
    Row(
        kind="AWS::EC2::NetworkInterface",
        beside={**SUBNETS, **GROUP},
        properties={**_ADDRESS, "Description": "first", "Tags": tags(who="a")},
        read=_interface,
        made={
            "PrivateIpAddress": "10.9.1.250",
            "Description": "first",
            "groups": True,
            "subnet": True,
            "who": "a",
        },
        update={"Description": "second", "Tags": tags(who="b")},
        changed={
            "PrivateIpAddress": "10.9.1.250",
            "Description": "second",
            "groups": True,
            "subnet": True,
            "who": "b",
        },
    ),
    Row(
        kind="AWS::EC2::Instance",
        beside=SUBNETS,
        properties={**_INSTANCE, "SubnetId": ref("Subnet1"), "Tags": tags(who="a")},
        read=_instance,
        made={
            "InstanceType": "t4g.small",
            "ImageId": "ami-0123456789abcdef0",
            "subnet": True,
            "who": "a",
        },
        update={"Tags": tags(who="b")},
        changed={
            "InstanceType": "t4g.small",
            "ImageId": "ami-0123456789abcdef0",
            "subnet": True,
            "who": "b",
        },
    ),
    Row(
        kind="AWS::EC2::VolumeAttachment",
        beside={
            "Volume": resource("AWS::EC2::Volume", **_VOLUME),
            "Instance": resource("AWS::EC2::Instance", **_INSTANCE),
        },
        properties={
            "Device": "/dev/sdf",
            "InstanceId": ref("Instance"),
            "VolumeId": ref("Volume"),
        },
        read=_attachment,
        made=True,
    ),
    Row(
        kind="AWS::EC2::LaunchTemplate",
        properties={"LaunchTemplateData": _data("r8g.large")},
        read=_template,
        made={
            "InstanceType": "r8g.large",
            "ImageId": "ami-0123456789abcdef0",
            "InstanceInitiatedShutdownBehavior": "terminate",
            "tokens": "required",
            "version": 1,
            "disk": 16,
        },
        update={"LaunchTemplateData": _data("r8g.xlarge")},
        changed={
            "InstanceType": "r8g.xlarge",
            "ImageId": "ami-0123456789abcdef0",
            "InstanceInitiatedShutdownBehavior": "terminate",
            "tokens": "required",
            "version": 2,
            "disk": 16,
        },
    ),
    Row(
        kind="AWS::AutoScaling::AutoScalingGroup",
        beside={
            **SUBNETS,
            "Template": resource("AWS::EC2::LaunchTemplate", LaunchTemplateData=_data("r8g.large")),
            "Targets": resource(
                "AWS::ElasticLoadBalancingV2::TargetGroup",
                VpcId=ref("Vpc"),
                Port=80,
                Protocol="HTTP",
            ),  # fmt: skip
        },
        properties={
            "MinSize": "1",
            "MaxSize": "1",
            "HealthCheckType": "ELB",
            "LaunchTemplate": {
                "LaunchTemplateId": ref("Template"),
                "Version": att("Template", "LatestVersionNumber"),
            },
            "VPCZoneIdentifier": [ref("Subnet1")],
            "TargetGroupARNs": [ref("Targets")],
            "Tags": _profile_tags("a"),
        },
        read=_group,
        made={
            "MinSize": 1,
            "MaxSize": 1,
            "HealthCheckType": "ELB",
            "template": True,
            "subnet": True,
            "targets": True,
            "who": "a",
        },
        update={"MaxSize": "2", "Tags": _profile_tags("b")},
        changed={
            "MinSize": 1,
            "MaxSize": 2,
            "HealthCheckType": "ELB",
            "template": True,
            "subnet": True,
            "targets": True,
            "who": "b",
        },
    ),
]

"""AWS::EC2 types of machines: instances, volumes, network interfaces."""

from __future__ import annotations

from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.client import client
from local.emulator.extension.kinds.ec2_network import tag
from local.emulator.extension.registry import Made, Naming, Properties, ResourceKind, kind
from local.emulator.extension.shapes import request


@kind("AWS::EC2::Volume")
class EbsVolume(ResourceKind):
    """Size, type and speed change in place; a deleted one must be detached, as on AWS."""

    replaced_by = ("AvailabilityZone", "Encrypted", "KmsKeyId", "SnapshotId", "OutpostArn")
    _in_place = ("Iops", "Size", "Throughput", "VolumeType")

    def create(self, properties: Properties, naming: Naming) -> Made:
        ec2 = client("ec2")
        arguments = request(ec2, "create_volume", properties, without=("Tags", "AutoEnableIO"))
        volume = ec2.create_volume(**arguments)["VolumeId"]
        self._keep(volume, properties)
        tag(volume, {}, properties)
        return Made(volume, {"VolumeId": volume})

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        ec2 = client("ec2")
        changed = {n: new[n] for n in self._in_place if n in new and new[n] != old.get(n)}
        if changed:
            arguments = request(ec2, "modify_volume", changed)
            ec2.modify_volume(VolumeId=physical_id, **arguments)
        self._keep(physical_id, new)
        tag(physical_id, old, new)
        return Made(physical_id, {"VolumeId": physical_id})

    def delete(self, physical_id: str, properties: Properties) -> None:
        client("ec2").delete_volume(VolumeId=physical_id)

    def _keep(self, volume: str, properties: Properties) -> None:
        """What the API takes and forgets."""
        record = inside.service("ec2")._volumes[volume]
        if "KmsKeyId" in properties:
            record["KmsKeyId"] = properties["KmsKeyId"]
        if "Throughput" in properties:
            record["Throughput"] = int(properties["Throughput"])
        if "MultiAttachEnabled" in properties:
            multi = str(properties["MultiAttachEnabled"]).lower()
            record["MultiAttachEnabled"] = multi == "true"


@kind("AWS::EC2::VolumeAttachment")
class VolumeAttachment(ResourceKind):
    replaced_by = ("Device", "InstanceId", "VolumeId")

    def create(self, properties: Properties, naming: Naming) -> Made:
        ec2 = client("ec2")
        arguments = request(ec2, "attach_volume", {"Device": "/dev/sdf", **properties})
        ec2.attach_volume(**arguments)
        return Made(f"{properties['VolumeId']}|{properties['InstanceId']}", {})

    def delete(self, physical_id: str, properties: Properties) -> None:
        volume, instance = physical_id.split("|")
        client("ec2").detach_volume(VolumeId=volume, InstanceId=instance)


@kind("AWS::EC2::NetworkInterface")
class NetworkInterface(ResourceKind):
    replaced_by = ("InterfaceType", "PrivateIpAddress", "SubnetId", "PrivateIpAddresses")

    def create(self, properties: Properties, naming: Naming) -> Made:
        ec2 = client("ec2")
        arguments = request(
            ec2, "create_network_interface", properties, renamed={"GroupSet": "Groups"},
            without=("Tags", "SourceDestCheck"),
        )  # fmt: skip
        interface = ec2.create_network_interface(**arguments)["NetworkInterface"]
        identifier = interface["NetworkInterfaceId"]
        record = self._record(identifier)
        if "PrivateIpAddress" in properties:  # the emulator draws one whatever is asked for
            record["PrivateIpAddress"] = properties["PrivateIpAddress"]
        self._keep(record, properties)
        tag(identifier, {}, properties)
        return self._made(record)

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        record = self._record(physical_id)
        self._keep(record, new)
        tag(physical_id, old, new)
        return self._made(record)

    def delete(self, physical_id: str, properties: Properties) -> None:
        client("ec2").delete_network_interface(NetworkInterfaceId=physical_id)

    def _record(self, interface: str) -> dict[str, Any]:
        return inside.service("ec2")._network_interfaces[interface]

    def _keep(self, record: dict[str, Any], properties: Properties) -> None:
        groups = inside.service("ec2")._security_groups
        if "GroupSet" in properties:
            record["Groups"] = [
                {"GroupId": group, "GroupName": groups.get(group, {}).get("GroupName", group)}
                for group in properties["GroupSet"]
            ]
        record["Description"] = properties.get("Description", "")
        check = str(properties.get("SourceDestCheck", True)).lower()
        record["SourceDestCheck"] = check == "true"

    def _made(self, record: dict[str, Any]) -> Made:
        identifier = record["NetworkInterfaceId"]
        attributes = {
            "Id": identifier,
            "PrimaryPrivateIpAddress": record["PrivateIpAddress"],
            "SecondaryPrivateIpAddresses": [],
            "VpcId": record["VpcId"],
        }
        return Made(identifier, attributes)


@kind("AWS::EC2::Instance")
class Instance(ResourceKind):
    """A record of an instance that runs; no machine does."""

    replaced_by = (
        "AvailabilityZone", "ImageId", "KeyName", "NetworkInterfaces", "PrivateIpAddress",
        "SubnetId", "InstanceType", "UserData", "IamInstanceProfile", "BlockDeviceMappings",
        "LaunchTemplate", "SecurityGroupIds", "MetadataOptions",
    )  # fmt: skip

    def create(self, properties: Properties, naming: Naming) -> Made:
        ec2 = client("ec2")
        given: dict[str, Any] = {"MinCount": 1, "MaxCount": 1, **properties}
        if isinstance(given.get("IamInstanceProfile"), str):
            given["IamInstanceProfile"] = {"Name": given["IamInstanceProfile"]}
        without = ("Tags", "AvailabilityZone", "SourceDestCheck", "PropagateTagsToVolumeOnCreation")
        arguments = request(ec2, "run_instances", given, without=without)
        instance = ec2.run_instances(**arguments)["Instances"][0]["InstanceId"]
        tag(instance, {}, properties)
        return self._made(instance)

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        tag(physical_id, old, new)
        return self._made(physical_id)

    def delete(self, physical_id: str, properties: Properties) -> None:
        client("ec2").terminate_instances(InstanceIds=[physical_id])

    def _made(self, instance: str) -> Made:
        found = client("ec2").describe_instances(InstanceIds=[instance])
        known = found["Reservations"][0]["Instances"][0]
        names = {
            "PrivateIp": "PrivateIpAddress",
            "PublicIp": "PublicIpAddress",
            "PrivateDnsName": "PrivateDnsName",
            "PublicDnsName": "PublicDnsName",
            "VpcId": "VpcId",
        }
        attributes = {name: known.get(member, "") for name, member in names.items()}
        zone = known.get("Placement", {}).get("AvailabilityZone", "")
        return Made(instance, {**attributes, "InstanceId": instance, "AvailabilityZone": zone})

"""AWS::EC2 types of a network: rules of security groups, addresses, gateways, logs, peerings."""

from __future__ import annotations

from typing import Any

from local.emulator.extension.client import client
from local.emulator.extension.registry import Made, Naming, Properties, ResourceKind, kind
from local.emulator.extension.shapes import request
from local.emulator.extension.tags import change


def tag(resource: str, old: Properties, new: Properties) -> None:
    """Make the tags of an EC2 resource those of the template; others' tags stay."""
    changed = change(old, new)
    if changed.gone:
        gone = [{"Key": key} for key in changed.gone]
        client("ec2").delete_tags(Resources=[resource], Tags=gone)
    if changed.put:
        client("ec2").create_tags(Resources=[resource], Tags=changed.pairs)


class SecurityGroupRule(ResourceKind):
    """A rule beside its group; only its description changes in place."""

    replaced_by = (
        "CidrIp", "CidrIpv6", "FromPort", "GroupId", "GroupName", "IpProtocol", "ToPort",
        "SourcePrefixListId", "SourceSecurityGroupId", "SourceSecurityGroupOwnerId",
        "DestinationPrefixListId", "DestinationSecurityGroupId",
    )  # fmt: skip
    direction = ""  # "ingress" or "egress"
    peer = ""  # the property that names another group

    def create(self, properties: Properties, naming: Naming) -> Made:
        rule = self._authorize(properties)
        return Made(rule, {"Id": rule})

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        self.delete(physical_id, old)
        rule = self._authorize(new)
        return Made(rule, {"Id": rule})

    def delete(self, physical_id: str, properties: Properties) -> None:
        revoke = getattr(client("ec2"), f"revoke_security_group_{self.direction}")
        revoke(GroupId=properties["GroupId"], IpPermissions=[self._permission(properties)])

    def _authorize(self, properties: Properties) -> str:
        authorize = getattr(client("ec2"), f"authorize_security_group_{self.direction}")
        done = authorize(
            GroupId=properties["GroupId"], IpPermissions=[self._permission(properties)]
        )
        return done["SecurityGroupRules"][0]["SecurityGroupRuleId"]

    def _permission(self, properties: Properties) -> dict[str, Any]:
        description = (
            {"Description": properties["Description"]} if "Description" in properties else {}
        )
        permission: dict[str, Any] = {"IpProtocol": str(properties["IpProtocol"])}
        for port in ("FromPort", "ToPort"):
            if port in properties:
                permission[port] = int(properties[port])
        if "CidrIp" in properties:
            permission["IpRanges"] = [{"CidrIp": properties["CidrIp"], **description}]
        if "CidrIpv6" in properties:
            permission["Ipv6Ranges"] = [{"CidrIpv6": properties["CidrIpv6"], **description}]
        if self.peer in properties:
            permission["UserIdGroupPairs"] = [{"GroupId": properties[self.peer], **description}]
        prefix_list = self.peer.replace("SecurityGroupId", "PrefixListId")
        if prefix_list in properties:
            permission["PrefixListIds"] = [{"PrefixListId": properties[prefix_list], **description}]
        return permission


@kind("AWS::EC2::SecurityGroupIngress")
class SecurityGroupIngress(SecurityGroupRule):
    direction, peer = "ingress", "SourceSecurityGroupId"


@kind("AWS::EC2::SecurityGroupEgress")
class SecurityGroupEgress(SecurityGroupRule):
    direction, peer = "egress", "DestinationSecurityGroupId"

    def _authorize(self, properties: Properties) -> str:
        """As CloudFormation, take the default rule away: it would reach everything."""
        client("ec2").revoke_security_group_egress(
            GroupId=properties["GroupId"],
            IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
        )
        return super()._authorize(properties)


@kind("AWS::EC2::EIP")
class ElasticAddress(ResourceKind):
    replaced_by = ("Domain", "NetworkBorderGroup", "TransferAddress", "Address", "IpamPoolId")

    def create(self, properties: Properties, naming: Naming) -> Made:
        ec2 = client("ec2")
        arguments = request(
            ec2, "allocate_address", properties, without=("Tags", "InstanceId", "PublicIpv4Pool")
        )
        made = ec2.allocate_address(**{"Domain": "vpc", **arguments})
        tag(made["AllocationId"], {}, properties)
        if "InstanceId" in properties:
            ec2.associate_address(
                AllocationId=made["AllocationId"], InstanceId=properties["InstanceId"]
            )
        return self._made(made)

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        address = self._address(physical_id)
        tag(address["AllocationId"], old, new)
        if new.get("InstanceId") and new.get("InstanceId") != old.get("InstanceId"):
            client("ec2").associate_address(
                AllocationId=address["AllocationId"], InstanceId=new["InstanceId"]
            )
        return self._made(address)

    def delete(self, physical_id: str, properties: Properties) -> None:
        client("ec2").release_address(AllocationId=self._address(physical_id)["AllocationId"])

    def _address(self, address: str) -> dict[str, Any]:
        return client("ec2").describe_addresses(PublicIps=[address])["Addresses"][0]

    def _made(self, address: dict[str, Any]) -> Made:
        attributes = {name: address[name] for name in ("AllocationId", "PublicIp")}
        return Made(address["PublicIp"], attributes)


@kind("AWS::EC2::NatGateway")
class NatGateway(ResourceKind):
    replaced_by = ("AllocationId", "ConnectivityType", "PrivateIpAddress", "SubnetId", "VpcId")

    def create(self, properties: Properties, naming: Naming) -> Made:
        ec2 = client("ec2")
        arguments = request(ec2, "create_nat_gateway", properties, without=("Tags",))
        gateway = ec2.create_nat_gateway(**arguments)["NatGateway"]["NatGatewayId"]
        tag(gateway, {}, properties)
        return Made(gateway, {"NatGatewayId": gateway})

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        tag(physical_id, old, new)
        return Made(physical_id, {"NatGatewayId": physical_id})

    def delete(self, physical_id: str, properties: Properties) -> None:
        client("ec2").delete_nat_gateway(NatGatewayId=physical_id)


@kind("AWS::EC2::FlowLog")
class FlowLog(ResourceKind):
    replaced_by = (
        "DeliverLogsPermissionArn", "DeliverCrossAccountRole", "DestinationOptions",
        "LogDestination", "LogDestinationType", "LogFormat", "LogGroupName",
        "MaxAggregationInterval", "ResourceId", "ResourceType", "TrafficType",
    )  # fmt: skip

    def create(self, properties: Properties, naming: Naming) -> Made:
        ec2 = client("ec2")
        arguments = request(
            ec2, "create_flow_logs", properties, renamed={"ResourceId": "ResourceIds"},
            without=("Tags",),
        )  # fmt: skip
        log = ec2.create_flow_logs(**arguments)["FlowLogIds"][0]
        tag(log, {}, properties)
        return Made(log, {"Id": log})

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        tag(physical_id, old, new)
        return Made(physical_id, {"Id": physical_id})

    def delete(self, physical_id: str, properties: Properties) -> None:
        client("ec2").delete_flow_logs(FlowLogIds=[physical_id])


@kind("AWS::EC2::VPCPeeringConnection")
class PeeringConnection(ResourceKind):
    """Accepted at once, as CloudFormation does within one account."""

    replaced_by = ("PeerOwnerId", "PeerRegion", "PeerRoleArn", "PeerVpcId", "VpcId")

    def create(self, properties: Properties, naming: Naming) -> Made:
        ec2 = client("ec2")
        arguments = request(
            ec2, "create_vpc_peering_connection", properties, without=("Tags", "PeerRoleArn")
        )
        made = ec2.create_vpc_peering_connection(**arguments)["VpcPeeringConnection"]
        connection = made["VpcPeeringConnectionId"]
        tag(connection, {}, properties)
        there = client("ec2", properties.get("PeerRegion"))
        there.accept_vpc_peering_connection(VpcPeeringConnectionId=connection)
        return Made(connection, {"Id": connection})

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        tag(physical_id, old, new)
        return Made(physical_id, {"Id": physical_id})

    def delete(self, physical_id: str, properties: Properties) -> None:
        client("ec2").delete_vpc_peering_connection(VpcPeeringConnectionId=physical_id)

"""Amazon EC2: the network and what may pass in it."""

from __future__ import annotations

from typing import Any

from tests.moto_templates.api_shapes import Properties
from tests.moto_templates.deployment import Site
from tests.moto_templates.kind import Attributes, Kind

_ANYWHERE = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def _name_resolution(site: Site, properties: Properties, made: Attributes) -> Attributes:
    ec2 = site.client("ec2")
    for name in ("EnableDnsSupport", "EnableDnsHostnames"):
        ec2.modify_vpc_attribute(VpcId=made["Ref"], **{name: {"Value": properties[name]}})
    groups = ec2.describe_security_groups(
        Filters=[
            {"Name": "vpc-id", "Values": [made["Ref"]]},
            {"Name": "group-name", "Values": ["default"]},
        ]
    )["SecurityGroups"]
    return {"DefaultSecurityGroup": groups[0]["GroupId"]}


def _public_addresses(site: Site, properties: Properties, made: Attributes) -> None:
    public = {"Value": properties["MapPublicIpOnLaunch"]}
    site.client("ec2").modify_subnet_attribute(SubnetId=made["Ref"], MapPublicIpOnLaunch=public)


def _accepted(site: Site, properties: Properties, made: Attributes) -> None:
    """CloudFormation accepts a connection within one account by itself."""
    ec2 = site.client("ec2", properties["PeerRegion"])
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=made["Ref"])


def _permission(rule: Properties, direction: str) -> dict[str, Any]:
    permission = {
        "IpProtocol": rule["IpProtocol"],
        "FromPort": rule["FromPort"],
        "ToPort": rule["ToPort"],
    }
    about = {"Description": rule["Description"]}
    if "CidrIp" in rule:
        return {**permission, "IpRanges": [{"CidrIp": rule["CidrIp"], **about}]}
    peer = {"ingress": "SourceSecurityGroupId", "egress": "DestinationSecurityGroupId"}[direction]
    return {**permission, "UserIdGroupPairs": [{"GroupId": rule[peer], **about}]}


def _only_what_is_allowed(site: Site, group: str) -> None:
    """Take the default rule away: CloudFormation does so with a group's first egress rule.

    A group without any keeps it, and may reach everything.
    """
    ec2 = site.client("ec2")
    (group_now,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    for rule in group_now["IpPermissionsEgress"]:
        if rule["IpProtocol"] == "-1":
            ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[_ANYWHERE])


def _inline_rules(site: Site, properties: Properties, made: Attributes) -> None:
    ec2, group = site.client("ec2"), made["Ref"]
    for rule in properties.get("SecurityGroupIngress", ()):
        permissions = [_permission(rule, "ingress")]
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permissions)
    for rule in properties.get("SecurityGroupEgress", ()):
        _only_what_is_allowed(site, group)
        permissions = [_permission(rule, "egress")]
        ec2.authorize_security_group_egress(GroupId=group, IpPermissions=permissions)


def _ingress(_site: Site, rule: Properties) -> Properties:
    return {"GroupId": rule["GroupId"], "IpPermissions": [_permission(rule, "ingress")]}


def _egress(site: Site, rule: Properties) -> Properties:
    _only_what_is_allowed(site, rule["GroupId"])
    return {"GroupId": rule["GroupId"], "IpPermissions": [_permission(rule, "egress")]}


NETWORK = {
    "AWS::EC2::VPC": Kind(
        service="ec2",
        call="create_vpc",
        ref="Vpc.VpcId",
        apart=("EnableDnsSupport", "EnableDnsHostnames"),
        tagged_as="vpc",
        then=_name_resolution,
    ),
    "AWS::EC2::InternetGateway": Kind(
        service="ec2",
        call="create_internet_gateway",
        ref="InternetGateway.InternetGatewayId",
        tagged_as="internet-gateway",
    ),
    "AWS::EC2::VPCGatewayAttachment": Kind(service="ec2", call="attach_internet_gateway"),
    "AWS::EC2::Subnet": Kind(
        service="ec2",
        call="create_subnet",
        ref="Subnet.SubnetId",
        attributes={"AvailabilityZone": "Subnet.AvailabilityZone"},
        apart=("MapPublicIpOnLaunch",),
        tagged_as="subnet",
        then=_public_addresses,
    ),
    "AWS::EC2::RouteTable": Kind(
        service="ec2",
        call="create_route_table",
        ref="RouteTable.RouteTableId",
        tagged_as="route-table",
    ),
    "AWS::EC2::SubnetRouteTableAssociation": Kind(
        service="ec2", call="associate_route_table", ref="AssociationId"
    ),
    "AWS::EC2::Route": Kind(service="ec2", call="create_route"),
    "AWS::EC2::VPCEndpoint": Kind(
        service="ec2",
        call="create_vpc_endpoint",
        ref="VpcEndpoint.VpcEndpointId",
        tagged_as="vpc-endpoint",
    ),
    "AWS::EC2::FlowLog": Kind(
        service="ec2",
        call="create_flow_logs",
        ref="FlowLogIds[0]",
        renames={"ResourceId": "ResourceIds"},
        tagged_as="vpc-flow-log",
        adapt=lambda _site, log: {**log, "ResourceId": [log["ResourceId"]]},
    ),
    "AWS::EC2::VPCPeeringConnection": Kind(
        service="ec2",
        call="create_vpc_peering_connection",
        ref="VpcPeeringConnection.VpcPeeringConnectionId",
        tagged_as="vpc-peering-connection",
        then=_accepted,
    ),
    "AWS::EC2::SecurityGroup": Kind(
        service="ec2",
        call="create_security_group",
        ref="GroupId",
        attributes={"GroupId": "GroupId"},
        renames={"GroupDescription": "Description"},
        apart=("SecurityGroupIngress", "SecurityGroupEgress"),
        tagged_as="security-group",
        adapt=lambda site, group: {"GroupName": site.physical_name(), **group},
        then=_inline_rules,
    ),
    "AWS::EC2::SecurityGroupIngress": Kind(
        service="ec2", call="authorize_security_group_ingress", adapt=_ingress
    ),
    "AWS::EC2::SecurityGroupEgress": Kind(
        service="ec2", call="authorize_security_group_egress", adapt=_egress
    ),
}

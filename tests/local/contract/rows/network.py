"""Amazon EC2's network."""

from __future__ import annotations

from typing import Any

from tests.local.contract.row import (
    GROUP,
    SUBNETS,
    VPC,
    GoneError,
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


def _vpc(seen: Seen) -> Any:
    found = one(seen.aws("ec2").describe_vpcs(VpcIds=[seen.ref])["Vpcs"])
    dns = seen.aws("ec2").describe_vpc_attribute(VpcId=seen.ref, Attribute="enableDnsHostnames")
    return {
        "cidr": found["CidrBlock"],
        "names": dns["EnableDnsHostnames"]["Value"],
        "who": tag(found["Tags"]),
    }


def _subnet(seen: Seen) -> Any:
    found = one(seen.aws("ec2").describe_subnets(SubnetIds=[seen.ref])["Subnets"])
    return {
        **part(found, "AvailabilityZone", "AvailabilityZoneId", "MapPublicIpOnLaunch"),
        "who": tag(found["Tags"]),
    }


def _route_table(seen: Seen) -> Any:
    found = one(seen.aws("ec2").describe_route_tables(RouteTableIds=[seen.ref])["RouteTables"])
    return {"vpc": found["VpcId"] == seen.refs["Vpc"], "who": tag(found["Tags"])}


def _route(seen: Seen) -> Any:
    table = seen.aws("ec2").describe_route_tables(RouteTableIds=[seen.refs["Table"]])
    for route in one(table["RouteTables"])["Routes"]:
        if route.get("DestinationCidrBlock") in ("10.50.0.0/16", "10.51.0.0/16"):
            to = route["VpcPeeringConnectionId"] == seen.refs["Peering"]
            return {"to": route["DestinationCidrBlock"], "peering": to}
    raise GoneError


def _association(seen: Seen) -> Any:
    table = seen.aws("ec2").describe_route_tables(RouteTableIds=[seen.refs["Table"]])
    found = one(one(table["RouteTables"])["Associations"])
    return found["SubnetId"] == seen.refs["Subnet1"]


def _gateway(seen: Seen) -> Any:
    gateways = seen.aws("ec2").describe_internet_gateways(InternetGatewayIds=[seen.ref])
    return tag(one(gateways["InternetGateways"])["Tags"])


def _attachment(seen: Seen) -> Any:
    asked = [seen.refs["Gateway"]]
    gateways = seen.aws("ec2").describe_internet_gateways(InternetGatewayIds=asked)
    found = one(one(gateways["InternetGateways"])["Attachments"])
    return found["VpcId"] == seen.refs["Vpc"]


def _group(seen: Seen) -> Any:
    found = one(seen.aws("ec2").describe_security_groups(GroupIds=[seen.ref])["SecurityGroups"])
    rule = one(found["IpPermissions"])
    return {
        "from": rule["FromPort"],
        "says": rule["IpRanges"][0]["Description"],
        "who": tag(found["Tags"]),
    }


def _rule(direction: str) -> Any:
    def read(seen: Seen) -> Any:
        asked = [{"Name": "group-id", "Values": [seen.refs["Group"]]}]
        rules = seen.aws("ec2").describe_security_group_rules(Filters=asked)["SecurityGroupRules"]
        found = one(
            # Alone: with it the group loses the egress rule that reaches everything.
            [r for r in rules if r["IsEgress"] == (direction == "egress")]
        )
        facts = part(found, "FromPort", "ToPort", "IpProtocol", "Description")
        return {**facts, "id": found["SecurityGroupRuleId"] == seen.ref}

    return read


_RULE = {
    "GroupId": att("Group", "GroupId"),
    "IpProtocol": "tcp",
    "FromPort": 5432,
    "ToPort": 5432,
    "Description": "first",
}
_RULE_MADE = {
    "FromPort": 5432,
    "ToPort": 5432,
    "IpProtocol": "tcp",
    "Description": "first",
    "id": True,
}


def _endpoint(seen: Seen) -> Any:
    found = one(seen.aws("ec2").describe_vpc_endpoints(VpcEndpointIds=[seen.ref])["VpcEndpoints"])
    return {
        **part(found, "VpcEndpointType", "ServiceName", "PrivateDnsEnabled"),
        "groups": [group["GroupId"] for group in found["Groups"]] == [seen.refs["Group"]],
        "subnets": len(found["SubnetIds"]),
    }


def _address(seen: Seen) -> Any:
    found = one(seen.aws("ec2").describe_addresses(PublicIps=[seen.ref])["Addresses"])
    return {"Domain": found["Domain"], "who": tag(found["Tags"])}


def _nat(seen: Seen) -> Any:
    found = one(seen.aws("ec2").describe_nat_gateways(NatGatewayIds=[seen.ref])["NatGateways"])
    if found["State"] == "deleted":
        raise GoneError
    return {"subnet": found["SubnetId"] == seen.refs["Subnet1"], "who": tag(found["Tags"])}


def _flow_log(seen: Seen) -> Any:
    found = one(seen.aws("ec2").describe_flow_logs(FlowLogIds=[seen.ref])["FlowLogs"])
    return {**part(found, "TrafficType", "LogGroupName"), "who": tag(found["Tags"])}


def _peering(seen: Seen) -> Any:
    asked = {"VpcPeeringConnectionIds": [seen.ref]}
    here = one(seen.aws("ec2").describe_vpc_peering_connections(**asked)["VpcPeeringConnections"])
    if here["Status"]["Code"] == "deleted":
        raise GoneError
    there = seen.aws("ec2", "us-west-2").describe_vpc_peering_connections(**asked)
    return {
        "status": here["Status"]["Code"],
        "there": one(there["VpcPeeringConnections"])["Status"]["Code"],
        "peer": here["AccepterVpcInfo"]["Region"],
        "who": tag(here["Tags"]),
    }


_TABLE = {"Table": resource("AWS::EC2::RouteTable", VpcId=ref("Vpc"))}
_PEERING = {"VpcId": ref("Vpc"), "PeerVpcId": "vpc-0123456789abcdef0", "PeerRegion": "us-west-2"}

ROWS = [
    Row(
        kind="AWS::EC2::VPC",
        properties={"CidrBlock": "10.8.0.0/16", "EnableDnsHostnames": True, "Tags": tags(who="a")},
        read=_vpc,
        made={"cidr": "10.8.0.0/16", "names": True, "who": "a"},
        update={"EnableDnsHostnames": False, "Tags": tags(who="b")},
        changed={"cidr": "10.8.0.0/16", "names": False, "who": "b"},
    ),
    Row(
        kind="AWS::EC2::Subnet",
        beside=VPC,
        properties={
            "VpcId": ref("Vpc"),
            "CidrBlock": "10.9.7.0/24",
            "AvailabilityZoneId": "use1-az6",
            "Tags": tags(who="a"),
        },
        read=_subnet,
        made={
            "AvailabilityZone": "us-east-1f",
            "AvailabilityZoneId": "use1-az6",
            "MapPublicIpOnLaunch": False,
            "who": "a",
        },
        update={"MapPublicIpOnLaunch": True, "Tags": tags(who="b")},
        changed={
            "AvailabilityZone": "us-east-1f",
            "AvailabilityZoneId": "use1-az6",
            "MapPublicIpOnLaunch": True,
            "who": "b",
        },
    ),
    Row(
        kind="AWS::EC2::RouteTable",
        beside=VPC,
        properties={"VpcId": ref("Vpc"), "Tags": tags(who="a")},
        read=_route_table,
        made={"vpc": True, "who": "a"},
        update={"Tags": tags(who="b")},
        changed={"vpc": True, "who": "b"},
    ),
    Row(
        kind="AWS::EC2::Route",
        beside={
            **VPC,
            **_TABLE,
            "Peering": resource("AWS::EC2::VPCPeeringConnection", **_PEERING),
        },
        properties={
            "RouteTableId": ref("Table"),
            "DestinationCidrBlock": "10.50.0.0/16",
            "VpcPeeringConnectionId": ref("Peering"),
        },
        read=_route,
        made={"to": "10.50.0.0/16", "peering": True},
        update={"DestinationCidrBlock": "10.51.0.0/16"},
        changed={"to": "10.51.0.0/16", "peering": True},
        replaces=True,
    ),
    Row(
        kind="AWS::EC2::SubnetRouteTableAssociation",
        beside={**SUBNETS, **_TABLE},
        properties={"RouteTableId": ref("Table"), "SubnetId": ref("Subnet1")},
        read=_association,
        made=True,
    ),
    Row(
        kind="AWS::EC2::InternetGateway",
        properties={"Tags": tags(who="a")},
        read=_gateway,
        made="a",
        update={"Tags": tags(who="b")},
        changed="b",
    ),
    Row(
        kind="AWS::EC2::VPCGatewayAttachment",
        beside={**VPC, "Gateway": resource("AWS::EC2::InternetGateway")},
        properties={"VpcId": ref("Vpc"), "InternetGatewayId": ref("Gateway")},
        read=_attachment,
        made=True,
    ),
    Row(
        kind="AWS::EC2::SecurityGroup",
        beside=VPC,
        properties={
            "VpcId": ref("Vpc"),
            "GroupDescription": "a group",
            "SecurityGroupIngress": [
                {
                    "IpProtocol": "tcp",
                    "FromPort": 443,
                    "ToPort": 443,
                    "CidrIp": "10.0.0.0/8",
                    "Description": "first",
                }
            ],
            "Tags": tags(who="a"),
        },
        read=_group,
        made={"from": 443, "says": "first", "who": "a"},
        update={
            "SecurityGroupIngress": [
                {
                    "IpProtocol": "tcp",
                    "FromPort": 80,
                    "ToPort": 80,
                    "CidrIp": "10.0.0.0/8",
                    "Description": "second",
                }
            ],
            "Tags": tags(who="b"),
        },
        changed={"from": 80, "says": "second", "who": "b"},
    ),
    Row(
        kind="AWS::EC2::SecurityGroupIngress",
        beside=GROUP,
        properties={**_RULE, "CidrIp": "10.0.96.0/21"},
        read=_rule("ingress"),
        made=_RULE_MADE,
        update={"Description": "second"},
        changed={**_RULE_MADE, "Description": "second"},
    ),
    Row(
        kind="AWS::EC2::SecurityGroupIngress",
        what="from a group",
        beside=GROUP,
        properties={**_RULE, "SourceSecurityGroupId": att("Group", "GroupId")},
        read=_rule("ingress"),
        made=_RULE_MADE,
        update={"Description": "second"},
        changed={**_RULE_MADE, "Description": "second"},
    ),
    Row(
        kind="AWS::EC2::SecurityGroupEgress",
        beside=GROUP,
        properties={**_RULE, "DestinationSecurityGroupId": att("Group", "GroupId")},
        read=_rule("egress"),
        made=_RULE_MADE,
        update={"Description": "second"},
        changed={**_RULE_MADE, "Description": "second"},
    ),
    Row(
        kind="AWS::EC2::VPCEndpoint",
        beside={**SUBNETS, **GROUP},
        properties={
            "VpcId": ref("Vpc"),
            "VpcEndpointType": "Interface",
            "ServiceName": "com.amazonaws.us-east-1.logs",
            "SubnetIds": [ref("Subnet1")],
            "SecurityGroupIds": [ref("Group")],
            "PrivateDnsEnabled": True,
        },
        read=_endpoint,
        made={
            "VpcEndpointType": "Interface",
            "ServiceName": "com.amazonaws.us-east-1.logs",
            "PrivateDnsEnabled": True,
            "groups": True,
            "subnets": 1,
        },
        update={"SubnetIds": [ref("Subnet1"), ref("Subnet2")]},
        changed={
            "VpcEndpointType": "Interface",
            "ServiceName": "com.amazonaws.us-east-1.logs",
            "PrivateDnsEnabled": True,
            "groups": True,
            "subnets": 2,
        },
    ),
    Row(
        kind="AWS::EC2::EIP",
        properties={"Domain": "vpc", "Tags": tags(who="a")},
        read=_address,
        made={"Domain": "vpc", "who": "a"},
        update={"Tags": tags(who="b")},
        changed={"Domain": "vpc", "who": "b"},
    ),
    Row(
        kind="AWS::EC2::NatGateway",
        beside={**SUBNETS, "Address": resource("AWS::EC2::EIP", Domain="vpc")},
        properties={
            "SubnetId": ref("Subnet1"),
            "AllocationId": att("Address", "AllocationId"),
            "Tags": tags(who="a"),
        },
        read=_nat,
        made={"subnet": True, "who": "a"},
        update={"Tags": tags(who="b")},
        changed={"subnet": True, "who": "b"},
    ),
    Row(
        kind="AWS::EC2::FlowLog",
        beside={**VPC, "Flows": resource("AWS::Logs::LogGroup", LogGroupName="contract-flows")},
        properties={
            "ResourceId": ref("Vpc"),
            "ResourceType": "VPC",
            "TrafficType": "ALL",
            "LogDestinationType": "cloud-watch-logs",
            "LogGroupName": ref("Flows"),
            "DeliverLogsPermissionArn": "arn:aws:iam::111122223333:role/flows",
            "Tags": tags(who="a"),
        },
        read=_flow_log,
        made={"TrafficType": "ALL", "LogGroupName": "contract-flows", "who": "a"},
        update={"TrafficType": "REJECT", "Tags": tags(who="b")},
        changed={"TrafficType": "REJECT", "LogGroupName": "contract-flows", "who": "b"},
        replaces=True,
    ),
    Row(
        kind="AWS::EC2::VPCPeeringConnection",
        beside=VPC,
        properties={**_PEERING, "Tags": tags(who="a")},
        read=_peering,
        made={"status": "active", "there": "active", "peer": "us-west-2", "who": "a"},
        update={"Tags": tags(who="b")},
        changed={"status": "active", "there": "active", "peer": "us-west-2", "who": "b"},
    ),
]

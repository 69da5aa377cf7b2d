"""The network of one Region: zones pinned by id, a subnet for each tier in each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from mainstay.acknowledge import acknowledge, acknowledge_inline_policy
from mainstay.interfaces import as_role, as_subnets, principal
from mainstay.network.address_plan import AddressPlan, Tier
from mainstay.network.egress import Egress
from mainstay.network.tier_security_groups import TierSecurityGroups

SubnetKind = TypeVar("SubnetKind", ec2.PublicSubnet, ec2.PrivateSubnet)


class Network(Construct):
    """A VPC over exactly the zones asked for.

    `zone_ids` carry every tier; `data_zone_ids` the data tier alone. Zone ids (use1-az1) are
    physical places; letters (us-east-1a) differ between accounts. An L2 `ec2.Vpc` deals its
    ranges out in order and would move them when a zone is added, so the subnets are placed here.
    The stack must know the ids, as its `availability_zones`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cidr: str,
        zone_ids: tuple[str, ...],
        data_zone_ids: tuple[str, ...],
        egress: Egress,
        flow_log_group: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        self.cidr = cidr
        self.addresses = AddressPlan(cidr)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(cidr),
            subnet_configuration=[],
            max_azs=99,  # the default, 3, would silently drop zones from `vpc.availability_zones`
            restrict_default_security_group=True,
        )
        gateway = ec2.CfnInternetGateway(self, "InternetGateway")  # no L2
        attachment = ec2.CfnVPCGatewayAttachment(
            self, "Attachment", vpc_id=self.vpc.vpc_id, internet_gateway_id=gateway.ref
        )

        public = self._subnets("public", zone_ids, ec2.PublicSubnet)
        for subnet in public:
            subnet.add_default_internet_route(gateway.ref, attachment)
            acknowledge(
                subnet,
                {
                    "NIST.800.53.R5-VPCNoUnrestrictedRouteToIGW": "Only the public tier has this "
                    "route: it holds the load balancer that users of a public identity service "
                    "reach and, where configured, NAT gateways; no server stands in it.",
                },
            )
        edge = self._subnets("edge", zone_ids, ec2.PrivateSubnet)
        app = self._subnets("app", zone_ids, ec2.PrivateSubnet)
        data = self._subnets("data", (*zone_ids, *data_zone_ids), ec2.PrivateSubnet)
        self._data = dict(zip((*zone_ids, *data_zone_ids), data, strict=True))
        self._tiers: dict[Tier, list[ec2.ISubnet]] = {
            "public": as_subnets(public),
            "edge": as_subnets(edge),
            "app": as_subnets(app),
            "data": as_subnets(data),
        }

        self.security_groups = TierSecurityGroups(self, "Groups", vpc=self.vpc)
        for name, service in (
            ("S3", ec2.GatewayVpcEndpointAwsService.S3),
            ("DynamoDb", ec2.GatewayVpcEndpointAwsService.DYNAMODB),
        ):
            private = ec2.SubnetSelection(subnets=as_subnets([*edge, *app, *data]))
            self.vpc.add_gateway_endpoint(name, service=service, subnets=[private])
        egress.connect(
            Construct(self, "Egress"),
            vpc=self.vpc,
            public=public,
            private=[edge, app],
            endpoint_security_group=self.security_groups.endpoints,
        )
        self._log_flows(flow_log_group)

    def subnets(self, tier: Tier) -> ec2.SubnetSelection:
        """The subnets of a tier, one per zone, in the order of the zone ids."""
        return ec2.SubnetSelection(subnets=list(self._tiers[tier]))

    def data_subnets(self, zone_ids: Sequence[str]) -> ec2.SubnetSelection:
        """The subnets of the data tier in some of its zones, in the order asked for.

        Raises ValueError for a zone without one.
        """
        return ec2.SubnetSelection(subnets=[self.data_subnet(zone_id) for zone_id in zone_ids])

    def data_subnet(self, zone_id: str) -> ec2.ISubnet:
        """The data tier's subnet in one zone. Raises ValueError for a zone without one."""
        return as_subnets([self._data_subnet(zone_id)])[0]

    def zone_name(self, zone_id: str) -> str:
        """The letter that this account has for a zone, such as us-east-1a, as a reference.

        Amazon RDS and EBS take no ids. Raises ValueError for a zone without data subnet.
        """
        resource = self._data_subnet(zone_id).node.default_child
        assert isinstance(resource, ec2.CfnSubnet)
        return resource.attr_availability_zone

    def _data_subnet(self, zone_id: str) -> ec2.PrivateSubnet:
        if zone_id not in self._data:
            known = ", ".join(self._data)
            raise ValueError(f"'zone_id' should be one of {known}, got '{zone_id}'")
        return self._data[zone_id]

    def route_table_ids(self, tier: Tier) -> dict[str, str]:
        """The route tables of a tier, by zone id."""
        zones = (subnet.node.id for subnet in self._tiers[tier])
        tables = (subnet.route_table.route_table_id for subnet in self._tiers[tier])
        return dict(zip(zones, tables, strict=True))

    def _subnets(
        self, tier: Tier, zone_ids: tuple[str, ...], kind: type[SubnetKind]
    ) -> list[SubnetKind]:
        namespace = Construct(self, tier.capitalize())
        subnets = []
        for zone_id in zone_ids:
            subnet = kind(
                namespace,
                zone_id,
                vpc_id=self.vpc.vpc_id,
                availability_zone=zone_id,
                cidr_block=self.addresses.subnet(tier, zone_id),
                map_public_ip_on_launch=False,
            )
            _pin(subnet, zone_id)
            cdk.Tags.of(subnet).add("mainstay:tier", tier)
            subnets.append(subnet)
        return subnets

    def _log_flows(self, log_group: logs.ILogGroup) -> None:
        role = iam.Role(self, "FlowLogRole", assumed_by=principal("vpc-flow-logs.amazonaws.com"))
        self.vpc.add_flow_log(
            "FlowLog",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(log_group, as_role(role)),
            traffic_type=ec2.FlowLogTrafficType.ALL,
        )
        acknowledge_inline_policy(role)


def _pin(subnet: ec2.Subnet, zone_id: str) -> None:
    # The L2 writes the id into AvailabilityZone, where CloudFormation wants the account's letter.
    resource = subnet.node.default_child
    assert isinstance(resource, ec2.CfnSubnet)
    resource.availability_zone_id = zone_id
    resource.availability_zone = None

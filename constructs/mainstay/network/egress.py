"""The two ways out of a network: a NAT gateway in each zone, or endpoints of AWS services only."""

from __future__ import annotations

from typing import Protocol

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from mainstay.interfaces import as_subnets

# What a task must reach to start and to be seen: its image and its log. S3, which holds the
# image's layers, and DynamoDB are gateway endpoints and free.
_INTERFACE_ENDPOINTS = {
    "EcrApi": ec2.InterfaceVpcEndpointAwsService.ECR,
    "EcrDocker": ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER,
    "Logs": ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
}


class Egress(Protocol):
    """How the private tiers of a network reach what is outside of it."""

    def connect(
        self,
        scope: Construct,
        *,
        vpc: ec2.Vpc,
        public: list[ec2.PublicSubnet],
        private: list[list[ec2.PrivateSubnet]],
        endpoint_security_group: ec2.ISecurityGroup,
    ) -> None:
        """Add gateways or endpoints; `private` lists the tiers, each with a subnet per zone."""
        ...


class NatPerZone:
    """A NAT gateway in every zone, so that losing a zone takes away no other zone's egress."""

    def connect(
        self,
        scope: Construct,
        *,
        vpc: ec2.Vpc,
        public: list[ec2.PublicSubnet],
        private: list[list[ec2.PrivateSubnet]],
        endpoint_security_group: ec2.ISecurityGroup,
    ) -> None:
        for index, subnet in enumerate(public):
            gateway = subnet.add_nat_gateway()
            for tier in private:
                tier[index].add_default_nat_route(gateway.ref)


class EndpointsOnly:
    """No route to the internet: what is inside can call the AWS services named here, no more."""

    def connect(
        self,
        scope: Construct,
        *,
        vpc: ec2.Vpc,
        public: list[ec2.PublicSubnet],
        private: list[list[ec2.PrivateSubnet]],
        endpoint_security_group: ec2.ISecurityGroup,
    ) -> None:
        app_tier = private[-1]
        for name, service in _INTERFACE_ENDPOINTS.items():
            ec2.InterfaceVpcEndpoint(
                scope,
                name,
                vpc=vpc,
                service=service,
                subnets=ec2.SubnetSelection(subnets=as_subnets(app_tier)),
                security_groups=[endpoint_security_group],
                private_dns_enabled=True,
                open=False,  # the tiers' own rules say who may call
            )

"""The two ways out of a network: a NAT gateway in each zone, or endpoints of AWS services only."""

from __future__ import annotations

from typing import Protocol

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from mainstay.interfaces import as_subnets

# What a task must reach to start and to be seen: its image and its log. S3, which holds the
# image's layers, and DynamoDB are gateway endpoints and free.
_TASK_ENDPOINTS = {
    "EcrApi": ec2.InterfaceVpcEndpointAwsService.ECR,
    "EcrDocker": ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER,
    "Logs": ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
    # A login's audit event waits in a queue, and reports are asked of the warehouse's Data API.
    "Sqs": ec2.InterfaceVpcEndpointAwsService.SQS,
    "RedshiftData": ec2.InterfaceVpcEndpointAwsService.REDSHIFT_DATA,
    # Operations read the masters' passwords, promote readers, and publish how far each replica is.
    "SecretsManager": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
    "Rds": ec2.InterfaceVpcEndpointAwsService.RDS,
    "Monitoring": ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_MONITORING,
}
# What a replica node must reach, whose subnets have no other way out: its volume, its passwords,
# and Session Manager, which is the operator's only way in.
_REPLICA_ENDPOINTS = {
    "Ec2": ec2.InterfaceVpcEndpointAwsService.EC2,
    "SecretsManager": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
    "Ssm": ec2.InterfaceVpcEndpointAwsService.SSM,
    "SsmMessages": ec2.InterfaceVpcEndpointAwsService.SSM_MESSAGES,
}


class Egress(Protocol):
    """The way from the private tiers of a network to what is outside of it."""

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
    """A NAT gateway in every zone, so that losing a zone takes away no other zone's egress.

    The data tier gets none; with `for_replicas` its nodes get the endpoints that they need.
    """

    def __init__(self, *, for_replicas: bool = False) -> None:
        self._endpoints = _REPLICA_ENDPOINTS if for_replicas else {}

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
        _add_endpoints(scope, self._endpoints, vpc, private[-1], endpoint_security_group)


class EndpointsOnly:
    """No route to the internet: what is inside can call the AWS services named here, no more."""

    def __init__(self, *, for_replicas: bool = False) -> None:
        self._endpoints = _TASK_ENDPOINTS | (_REPLICA_ENDPOINTS if for_replicas else {})

    def connect(
        self,
        scope: Construct,
        *,
        vpc: ec2.Vpc,
        public: list[ec2.PublicSubnet],
        private: list[list[ec2.PrivateSubnet]],
        endpoint_security_group: ec2.ISecurityGroup,
    ) -> None:
        _add_endpoints(scope, self._endpoints, vpc, private[-1], endpoint_security_group)


def _add_endpoints(
    scope: Construct,
    services: dict[str, ec2.InterfaceVpcEndpointAwsService],
    vpc: ec2.Vpc,
    subnets: list[ec2.PrivateSubnet],
    security_group: ec2.ISecurityGroup,
) -> None:
    """In the app tier's subnets, found by every tier under the service's own name."""
    for name, service in services.items():
        ec2.InterfaceVpcEndpoint(
            scope,
            name,
            vpc=vpc,
            service=service,
            subnets=ec2.SubnetSelection(subnets=as_subnets(subnets)),
            security_groups=[security_group],
            private_dns_enabled=True,
            open=False,  # the tiers' own rules say who may call
        )

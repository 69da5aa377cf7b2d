"""The zone: first to be deployed, because certificates wait until the domain is delegated to it."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_route53 as route53
from constructs import Construct

from mainstay.dns.global_zone import GlobalZone


class DnsStack(cdk.Stack):
    """The hosted zone of the whole environment; stateful, for its name servers are delegated to."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_name: str,
        env: cdk.Environment,
        domain: str,
        hosted_zone_id: str | None,
        dnssec: bool,
        keep_data: bool,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name,
            env=env,
            description="mainstay: the DNS zone of the environment",
            termination_protection=keep_data,
        )
        policy = cdk.RemovalPolicy.RETAIN if keep_data else cdk.RemovalPolicy.DESTROY
        zone = GlobalZone(self, "Global", domain=domain, dnssec=dnssec, removal_policy=policy)
        self._zone = zone.zone
        self._domain = domain
        self._hosted_zone_id = hosted_zone_id

    def zone_for(self, scope: Construct) -> route53.IHostedZone:
        """The zone as another stack sees it.

        With its id known from the configuration, a Region's stacks deploy without asking
        CloudFormation in the zone's Region, which may be the one that is down.
        """
        if self._hosted_zone_id is None:
            return self._zone
        return route53.HostedZone.from_hosted_zone_attributes(
            scope, "Zone", hosted_zone_id=self._hosted_zone_id, zone_name=self._domain
        )

"""The Region's share of DNS: its own records, and the switch for the other Region."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_route53 as route53
from constructs import Construct

from mainstay.dns.region_exit import RegionExit, exit_alarm_name
from mainstay.dns.region_records import RegionRecords
from mainstay.dns.routing import Routing
from stacks.dns_stack import DnsStack


class RegionExitStack(cdk.Stack):
    """Kept in one Region, it takes the other out of DNS."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_name: str,
        env: cdk.Environment,
        environment_name: str,
        leaving_region: str,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name,
            env=env,
            description=f"mainstay: the switch that takes {leaving_region} out of DNS",
        )
        RegionExit(self, "Exit", environment_name=environment_name, leaving_region=leaving_region)


class RecordsStack(cdk.Stack):
    """A Region enters DNS with this stack, and with no other Region's."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_name: str,
        env: cdk.Environment,
        environment_name: str,
        dns: DnsStack,
        domain: str,
        load_balancer: elbv2.IApplicationLoadBalancer,
        routing: Routing,
        peer_region: str | None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name,
            env=env,
            description="mainstay: the DNS records of a Region",
        )
        exit_alarm = None
        if peer_region is not None:
            name = exit_alarm_name(environment_name, self.region)
            exit_alarm = route53.AlarmIdentifier(name=name, region=peer_region)
        RegionRecords(
            self,
            "Region",
            zone=dns.zone_for(self),
            domain=domain,
            load_balancer=load_balancer,
            routing=routing,
            exit_alarm=exit_alarm,
        )

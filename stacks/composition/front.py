"""The front tier of a Region: DNS records, firewall, public load balancer, nginx."""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_route53 as route53

from mainstay.dns.global_zone import GlobalZone
from mainstay.dns.region_exit import exit_alarm_name
from mainstay.dns.region_records import RegionRecords
from mainstay.edge.edge_proxy import NGINX_FOLDER, EdgeProxy
from mainstay.edge.firewall import Firewall, RateLimits
from mainstay.edge.public_load_balancer import PublicLoadBalancer
from migration.stack.traffic_shift import TrafficShift
from stacks.composition.choices import capacity_of, edge_limits_of, routing_of
from stacks.composition.region_context import RegionContext
from stacks.composition.service import RegionService


@dataclass(frozen=True, kw_only=True)
class RegionFront:
    """The part of a Region that users reach."""

    public: PublicLoadBalancer
    proxy: EdgeProxy


def compose_front(
    context: RegionContext, service: RegionService, zone: GlobalZone, exits: dict[str, cdk.Stack]
) -> RegionFront:
    """Return the front of the Region's service; `exits` are the switches of DNS, by Region."""
    front = _edge(context, service)
    if context.region.legacy_edge is not None:
        TrafficShift(
            context.stack("Shift", "the shift of traffic from a legacy edge", stateful=False),
            "Shift",
            legacy=context.region.legacy_edge,
            public=front.public,
            balancer_group=context.network.security_groups.public,
            proxy=front.proxy,
            control=service.control,
            logs=context.logs,
        )
    _records(context, front, zone, exits)
    return front


def _edge(context: RegionContext, service: RegionService) -> RegionFront:
    environment, front_door = context.environment, context.environment.front_door
    network = context.network
    stack = context.stack("Edge", "the front tier of a Region", stateful=False)
    public = PublicLoadBalancer(
        stack,
        "Public",
        vpc=network.vpc,
        subnets=network.subnets("public"),
        security_group=network.security_groups.public,
        certificate=service.certificate,
        client_keep_alive=cdk.Duration.seconds(front_door.client_keep_alive_seconds),
        longest_request=context.longest_request,
        access_logs=context.logs.access,
        deletion_protection=environment.keep_data,
    )
    Firewall(
        stack,
        "Firewall",
        load_balancer=public.load_balancer,
        managed_rules=front_door.managed_rules,
        rate_limits=RateLimits(
            client=front_door.requests_per_client_per_minute,
            tenant=front_door.requests_per_tenant_per_minute,
        ),
        log_group=context.logs.firewall,
    )
    proxy = EdgeProxy(
        stack,
        "Edge",
        network=network,
        listener=public.listener,
        domain=environment.domain,
        app_balancer=service.app.load_balancer,
        image=environment.edge.image or NGINX_FOLDER,
        mode_image=environment.mode_image,
        control=service.control,
        limits=edge_limits_of(environment, context.region),
        capacity=capacity_of(environment.edge, context.region, services=1),
        longest_request=context.longest_request,
        log_group=context.logs.edge,
    )
    return RegionFront(public=public, proxy=proxy)


def _records(
    context: RegionContext, front: RegionFront, zone: GlobalZone, exits: dict[str, cdk.Stack]
) -> None:
    """Enter the Region into DNS, with this stack and with no other Region's."""
    environment = context.environment
    stack = context.stack("Records", "the DNS records of a Region", stateful=False)
    exit_alarm = None
    if (switch := exits.get(context.name)) is not None:
        # Route 53 refuses a health check of an alarm that does not exist yet.
        stack.add_stack_dependency(switch)
        name = exit_alarm_name(environment.name, context.name)
        exit_alarm = route53.AlarmIdentifier(name=name, region=switch.region)
    RegionRecords(
        stack,
        "Region",
        zone=zone.for_stack(stack),
        domain=environment.domain,
        load_balancer=front.public.load_balancer,
        routing=routing_of(environment, context.region),
        exit_alarm=exit_alarm,
    )

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
from mainstay.edge.public_load_balancer import LOG_PREFIX, PublicLoadBalancer
from mainstay.edge.traffic_shift import TrafficShift
from stacks.composition.choices import capacity_of, edge_limits_of, legacy_edge_of, routing_of
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
    _shift(context, front, service)
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


def _shift(context: RegionContext, front: RegionFront, service: RegionService) -> None:
    """Take traffic from a legacy edge while a migration lasts; no other stack needs this one.

    While it stands, its rule decides who serves; once it is gone, the edge serves everything. So
    it is protected, and destroyed by a person who has read that the shift is done.
    """
    legacy = legacy_edge_of(context.region)
    if legacy is None:
        return
    stack = context.stack("Shift", "the shift of traffic from a legacy edge", stateful=False)
    stack.termination_protection = True
    TrafficShift(
        stack,
        "Shift",
        legacy=legacy,
        listener=front.public.listener,
        load_balancer=front.public.load_balancer,
        balancer_group=context.network.security_groups.public,
        edge_targets=front.proxy.tasks.target_group,
        alarm=front.proxy.tasks.failing.alarm,
        access_logs=context.logs.access,
        log_prefix=LOG_PREFIX,
        control=service.control,
        log_group=context.logs.edge,
    )


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

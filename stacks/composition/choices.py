"""Translates an environment's words and numbers into what constructs take."""

from __future__ import annotations

from math import ceil

from aws_cdk import aws_route53 as route53

from config.cluster import ClusterSize, ClusterZones
from config.model import Environment, Region, TierSize
from mainstay.database.instance_size import InstanceSize, Provisioned, Serverless
from mainstay.database.placement import Placement
from mainstay.dns.routing import FailoverRouting, LatencyRouting, Routing
from mainstay.edge.edge_limits import EdgeLimits
from mainstay.network.egress import Egress, EndpointsOnly, NatPerZone
from mainstay.stateless.capacity import Capacity


def egress_of(environment: Environment, region: Region) -> Egress:
    """Return the way out of the network of one of its Regions."""
    replicas = environment.databases.delayed is not None and region is environment.standby
    kinds = {"nat": NatPerZone, "endpoints": EndpointsOnly}
    return kinds[environment.egress](for_replicas=replicas)


_OPERATIONS = ("python", "-m", "service.operations")


def first_start_of(environment: Environment, region: Region) -> tuple[tuple[str, ...], ...]:
    """Return the commands of the first deploy in a Region, before anything serves there.

    A standby has the primary's schema through its copies, and a mode of its own.
    """
    if region is environment.primary:
        stores = ("entity", "transaction")
        return tuple((*_OPERATIONS, "bootstrap", store) for store in stores)
    return (("python", "-m", "functions.control_table", "begin", "--by", "bootstrap"),)


def placement_of(zones: ClusterZones) -> Placement:
    """Return the zones of a cluster."""
    return Placement(instances=zones.instances, storage=zones.storage)


def instance_size_of(size: ClusterSize) -> InstanceSize:
    """Return the size of each instance of a cluster."""
    if size.serverless:
        return Serverless(min_acu=size.min_acu, max_acu=size.max_acu)
    return Provisioned(instance_class=size.instance_class)


def routing_of(environment: Environment, region: Region) -> Routing:
    """Return the policy by which users come to one of its Regions."""
    if environment.routing == "latency":
        return LatencyRouting()
    first = region is environment.primary
    return FailoverRouting(route53.Failover.PRIMARY if first else route53.Failover.SECONDARY)


def edge_limits_of(environment: Environment, region: Region) -> EdgeLimits:
    """Return a tenant's share of one edge task.

    All tasks together allow half of what the firewall counts as too much, so that a tenant is
    slowed down before it is seen.
    """
    tasks = capacity_of(environment.edge, region, services=1).min_tasks
    tenant_per_second = environment.front_door.requests_per_tenant_per_minute / 60
    return EdgeLimits(tenant_per_second=max(10, ceil(tenant_per_second / 2 / tasks)))


def capacity_of(size: TierSize, region: Region, *, services: int) -> Capacity:
    """Return the share of a tier that each of its services runs, equal in every zone."""
    zones = len(region.zone_ids)
    per_zone = -(-size.tasks_per_zone(zones) // services)
    return Capacity(
        min_tasks=per_zone * zones,
        max_tasks=size.max_tasks,
        cpu_units=size.cpu_units,
        memory_mib=size.memory_mib,
        requests_per_task_per_minute=size.requests_per_task_per_minute,
        cpu_target_percent=size.cpu_target_percent,
    )

"""An environment becomes its stacks. This page is the architecture diagram in code."""

from __future__ import annotations

import aws_cdk as cdk

from config.model import Environment
from stacks.composition.backups import compose_backups
from stacks.composition.databases import RegionDatabases, compose_databases
from stacks.composition.front import compose_front
from stacks.composition.network import compose_exits, compose_link, compose_zone
from stacks.composition.operations import RegionTiers, compose_operations
from stacks.composition.region_context import RegionContext
from stacks.composition.service import compose_service


def compose(app: cdk.App, environment: Environment) -> None:
    """Put every stack of the environment under the app, one namespace per Region."""
    _tag(app, environment)
    zone = compose_zone(app, environment)
    primary = RegionContext(app, environment, environment.primary)
    standby, links, exits = None, [], {}
    if environment.standby is not None:
        standby = RegionContext(app, environment, environment.standby)
        links = compose_link(primary, standby)
        exits = compose_exits(primary, standby)

    databases = compose_databases(primary, standby)
    compose_backups(databases)

    def tiers_of(databases: RegionDatabases) -> RegionTiers:
        """Return a Region from its databases up to its users: each tier needs those behind it."""
        service = compose_service(databases, zone, links)
        front = compose_front(databases.context, service, zone, exits)
        return RegionTiers(databases=databases, service=service, front=front)

    regions = [tiers_of(each) for each in databases]
    first, *others = (region.service for region in regions)
    # The primary's first start makes the schema that the standby's copies have, and its session
    # table the replica there: the standby finds both by name, so nothing refers to them.
    for service in others:
        for serving in (service.app, service.worker):
            for needed in filter(None, (first.operations, databases[0].session_table)):
                cdk.Stack.of(serving).add_stack_dependency(cdk.Stack.of(needed))
    compose_operations(app, environment, regions, exits, zone)


def _tag(app: cdk.App, environment: Environment) -> None:
    # Not on listener rules: a rule holds the live weights, and an edit of its tags rewrites them.
    rules = ["AWS::ElasticLoadBalancingV2::ListenerRule"]
    tags = cdk.Tags.of(app)
    tags.add("mainstay:environment", environment.name, exclude_resource_types=rules)

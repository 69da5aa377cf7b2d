"""An environment becomes its stacks. This page is the architecture diagram in code."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from constructs import Construct

from config.aws_facts import DNS_REGION
from config.model import Environment
from mainstay.app_tier.stores import Stores
from mainstay.edge.edge_proxy import NGINX_FOLDER
from mainstay.edge.firewall import RateLimits
from mainstay.stateless.image import Parts
from stacks.app_stack import AppStack
from stacks.certificate_stack import CertificateStack
from stacks.composition.backups import compose_backups
from stacks.composition.choices import (
    capacity_of,
    edge_limits_of,
    egress_of,
    first_start_of,
    legacy_edge_of,
    routing_of,
)
from stacks.composition.databases import RegionDatabases, compose_databases, logged_clusters
from stacks.composition.place import Place
from stacks.control_stack import ControlStack
from stacks.delivery_stack import DeliveryStack
from stacks.dns_stack import DnsStack
from stacks.edge_stack import EdgeStack
from stacks.events_stack import EventsStack
from stacks.keys_stack import KeysStack
from stacks.logs_stack import LogsStack
from stacks.network_stack import NetworkStack
from stacks.operations_stack import OperationsStack
from stacks.peering_stack import PeeringRequestStack, PeeringStack
from stacks.read_only_stack import ReadOnlyStack
from stacks.records_stack import RecordsStack, RegionExitStack
from stacks.shift_stack import ShiftStack
from stacks.upgrade_stack import UpgradedRegion, UpgradeStack
from stacks.worker_stack import WorkerStack

SERVICE_IMAGE = Parts(
    folder=Path(__file__).parents[2],
    dockerfile="service/Dockerfile",
    paths=(
        "service",
        *(f"lambda/functions/{name}" for name in ("__init__.py", "control_table", "mode_follower")),
    ),
)


def compose(app: cdk.App, environment: Environment) -> None:
    """Put every stack of the environment under the app, one namespace per Region."""
    # Not on listener rules: a rule holds the live weights, and an edit of its tags rewrites them.
    rules = ["AWS::ElasticLoadBalancingV2::ListenerRule"]
    tags = cdk.Tags.of(app)
    tags.add("mainstay:environment", environment.name, exclude_resource_types=rules)

    dns = _dns(app, environment)
    places = [
        Place(environment=environment, region=region, scope=Construct(app, region.name))
        for region in environment.regions
    ]
    keys = [_keys(place) for place in places]
    logs = [_logs(place) for place in places]
    networks = [_network(place, log) for place, log in zip(places, logs, strict=True)]
    links = [] if environment.standby is None else _peer(places, networks)
    databases = compose_databases(places, keys, logs, networks)
    compose_backups(places, keys, logs, networks, databases)
    exits = _exits(places)
    upgraded: list[tuple[UpgradedRegion, OperationsStack]] = []
    sites = zip(places, keys, logs, networks, databases, strict=True)
    for place, key, log, network, known in sites:
        control = _control(place)
        operations = _operations(place, log, network, known, control, links)
        stores = _stores(place, key, known, control)
        certificate = CertificateStack(
            place.scope,
            "Certificate",
            **place.named("certificate"),
            dns=dns,
            domain=environment.domain,
        )
        app_tier = _app(place, log, network, certificate, stores)
        worker = _worker(place, log, network, operations, stores)
        for serving in (app_tier, worker):
            serving.add_stack_dependency(operations)  # whose first start comes before any server
        edge = _edge(place, log, network, certificate, app_tier, control)
        _shift(place, log, network, edge, control)
        _records(place, dns, edge, exits)
        region = UpgradedRegion(
            app=app_tier, edge=edge, worker=worker.worker, control=control.control
        )
        upgraded.append((region, operations))
    _read_only(places, logs, databases, upgraded)
    if environment.databases.entity.master_b is not None:
        _upgrade(places[0], logs[0], upgraded, exits)
    if environment.github_repository is not None:
        _delivery(app, environment, environment.github_repository)


def _dns(app: cdk.App, environment: Environment) -> DnsStack:
    return DnsStack(
        app,
        "Dns",
        stack_name=f"mainstay-{environment.name}-dns",
        env=cdk.Environment(account=environment.account, region=DNS_REGION),
        domain=environment.domain,
        hosted_zone_id=environment.hosted_zone_id,
        dnssec=environment.dnssec,
        keep_data=environment.keep_data,
    )


def _keys(place: Place) -> KeysStack:
    return KeysStack(
        place.scope, "Keys", **place.named("keys"), keep_data=place.environment.keep_data
    )


def _logs(place: Place) -> LogsStack:
    return LogsStack(
        place.scope,
        "Logs",
        **place.named("logs"),
        environment_name=place.environment.name,
        clusters=logged_clusters(place),
        retention_days=place.environment.log_retention_days,
        keep_data=place.environment.keep_data,
    )


def _network(place: Place, log: LogsStack) -> NetworkStack:
    return NetworkStack(
        place.scope,
        "Network",
        **place.named("network"),
        cidr=place.region.cidr,
        zone_ids=place.region.zone_ids,
        data_zone_ids=place.region.data_zone_ids,
        egress=egress_of(place.environment, place.region),
        flow_log_group=log.logs.flows,
        keep_data=place.environment.keep_data,
    )


def _peer(places: list[Place], networks: list[NetworkStack]) -> list[cdk.Stack]:
    """Returns the stacks of both sides."""
    primary, standby = places
    request = PeeringRequestStack(
        standby.scope,
        "Peering",
        **standby.named("peering"),
        network=networks[1].network,
        peer=networks[0].network,
        peer_region=primary.region.name,
    )
    completion = PeeringStack(
        primary.scope,
        "Peering",
        **primary.named("peering"),
        network=networks[0].network,
        peer=networks[1].network,
        connection_id=request.connection_id,
    )
    return [request, completion]


def _exits(places: list[Place]) -> dict[str, RegionExitStack]:
    """By the Region that leaves: the stack, in the other Region, that holds its switch."""
    return {
        peer.region.name: RegionExitStack(
            place.scope,
            "Exit",
            **place.named("exit"),
            environment_name=place.environment.name,
            leaving_region=peer.region.name,
        )
        for place, peer in zip(places, places[::-1], strict=True)
        if place is not peer
    }


def _control(place: Place) -> ControlStack:
    return ControlStack(
        place.scope,
        "Control",
        **place.named("control"),
        keep_data=place.environment.keep_data,
    )


def _read_only(
    places: list[Place],
    logs: list[LogsStack],
    databases: list[RegionDatabases],
    upgraded: list[tuple[UpgradedRegion, OperationsStack]],
) -> None:
    """In every Region, for an alarm is seen where its metric is; each enters READ_ONLY in all."""
    controls = {
        place.region.name: region.control
        for place, (region, _) in zip(places, upgraded, strict=True)
    }
    for place, log, known, (_, operations) in zip(places, logs, databases, upgraded, strict=True):
        stack = ReadOnlyStack(
            place.scope,
            "ReadOnly",
            **place.named("readonly"),
            environment_name=place.environment.name,
            masters=known.masters,
            copies=known.copies,
            successors=known.successors,
            followers=known.followers,
            controls=controls,
            operations=operations.task,
            app_logs=log.logs.app,
            log_group=log.logs.functions,
        )
        for control in controls.values():
            # What it reads of the other Region is there when it is deployed.
            stack.add_stack_dependency(cdk.Stack.of(control))


def _operations(
    place: Place,
    log: LogsStack,
    network: NetworkStack,
    databases: RegionDatabases,
    control: ControlStack,
    links: list[cdk.Stack],
) -> OperationsStack:
    operations = OperationsStack(
        place.scope,
        "Operations",
        **place.named("operations"),
        family=f"mainstay-{place.environment.name}-operations",
        network=network.network,
        image=place.environment.app.image or SERVICE_IMAGE,
        operable=databases.operable,
        first_start=first_start_of(place.environment, place.region),
        control=control.control,
        log_group=log.logs.functions,
    )
    for needed in (*databases.first_start_needs, *links):
        operations.add_stack_dependency(needed)
    return operations


def _stores(
    place: Place, key: KeysStack, databases: RegionDatabases, control: ControlStack
) -> Stores:
    events = EventsStack(
        place.scope,
        "Events",
        **place.named("events"),
        key=key.keys.transaction,
        keep_data=place.environment.keep_data,
    )
    return Stores(
        control=control.control,
        entity=databases.entity,
        sessions=databases.sessions,
        transaction=databases.transaction,
        events=events.queue,
        reports=databases.reports,
    )


def _worker(
    place: Place,
    log: LogsStack,
    network: NetworkStack,
    operations: OperationsStack,
    stores: Stores,
) -> WorkerStack:
    environment = place.environment
    return WorkerStack(
        place.scope,
        "Worker",
        **place.named("worker"),
        environment_name=environment.name,
        network=network.network,
        cluster=operations.task.cluster,
        image=environment.app.image or SERVICE_IMAGE,
        stores=stores,
        min_tasks=environment.worker.min_tasks,
        max_tasks=environment.worker.max_tasks,
        cpu_target_percent=environment.worker.cpu_target_percent,
        longest_batch=place.longest_request,
        logs=log.logs,
    )


def _app(
    place: Place,
    log: LogsStack,
    network: NetworkStack,
    certificate: CertificateStack,
    stores: Stores,
) -> AppStack:
    environment = place.environment
    return AppStack(
        place.scope,
        "App",
        **place.named("app"),
        environment_name=environment.name,
        domain=environment.domain,
        network=network.network,
        certificate=certificate.certificate,
        logs=log.logs,
        image=environment.app.image or SERVICE_IMAGE,
        stores=stores,
        half_capacity=capacity_of(environment.app, place.region, services=2),
        longest_request=place.longest_request,
        deletion_protection=environment.keep_data,
    )


def _edge(
    place: Place,
    log: LogsStack,
    network: NetworkStack,
    certificate: CertificateStack,
    app: AppStack,
    control: ControlStack,
) -> EdgeStack:
    environment, front_door = place.environment, place.environment.front_door
    return EdgeStack(
        place.scope,
        "Edge",
        **place.named("edge"),
        domain=environment.domain,
        network=network.network,
        certificate=certificate.certificate,
        logs=log.logs,
        app_balancer=app.tier.load_balancer,
        image=environment.edge.image or NGINX_FOLDER,
        mode_image=environment.mode_image,
        control=control.control,
        limits=edge_limits_of(environment, place.region),
        capacity=capacity_of(environment.edge, place.region, services=1),
        managed_rules=front_door.managed_rules,
        rate_limits=RateLimits(
            client=front_door.requests_per_client_per_minute,
            tenant=front_door.requests_per_tenant_per_minute,
        ),
        longest_request=place.longest_request,
        client_keep_alive=cdk.Duration.seconds(front_door.client_keep_alive_seconds),
        deletion_protection=environment.keep_data,
    )


def _shift(
    place: Place, log: LogsStack, network: NetworkStack, edge: EdgeStack, control: ControlStack
) -> None:
    legacy = legacy_edge_of(place.region)
    if legacy is None:
        return
    ShiftStack(
        place.scope,
        "Shift",
        **place.named("shift"),
        legacy=legacy,
        network=network.network,
        logs=log.logs,
        edge=edge,
        control=control.control,
    )


def _records(
    place: Place, dns: DnsStack, edge: EdgeStack, exits: dict[str, RegionExitStack]
) -> None:
    environment, region = place.environment, place.region
    peers = [other.name for other in environment.regions if other is not region]
    records = RecordsStack(
        place.scope,
        "Records",
        **place.named("records"),
        environment_name=environment.name,
        dns=dns,
        domain=environment.domain,
        load_balancer=edge.load_balancer,
        routing=routing_of(environment, region),
        peer_region=peers[0] if peers else None,
    )
    if region.name in exits:
        # Route 53 refuses a health check of an alarm that does not exist yet.
        records.add_stack_dependency(exits[region.name])


def _upgrade(
    primary: Place,
    log: LogsStack,
    upgraded: list[tuple[UpgradedRegion, OperationsStack]],
    exits: dict[str, RegionExitStack],
) -> None:
    """Of an environment with two masters: the second serves reads while the first is changed."""
    (region, operations), *others = upgraded
    standby = others[0][0] if others else None
    upgrade = UpgradeStack(
        primary.scope,
        "Upgrade",
        **primary.named("upgrade"),
        environment_name=primary.environment.name,
        domain=primary.environment.domain,
        primary=region,
        standby=standby,
        operations=operations.task,
        log_group=log.logs.functions,
    )
    if standby is not None:
        # What it reads of the other Region is there when it is deployed.
        for needed in (standby.app, standby.edge, *exits.values()):
            upgrade.add_stack_dependency(needed)


def _delivery(app: cdk.App, environment: Environment, repository: str) -> None:
    regions = dict.fromkeys([DNS_REGION, *(region.name for region in environment.regions)])
    DeliveryStack(
        app,
        "Delivery",
        stack_name=f"mainstay-{environment.name}-delivery",
        env=cdk.Environment(account=environment.account, region=environment.primary.name),
        environment_name=environment.name,
        repository=repository,
        regions=tuple(regions),
    )

"""The service of a Region behind its edge, and the task that operates on its databases."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_certificatemanager as acm

from config.model import Environment
from mainstay.app_tier.app_tier import AppTier
from mainstay.app_tier.audit_worker import AuditWorker
from mainstay.app_tier.stores import Stores
from mainstay.database.audit_queue import AuditQueue
from mainstay.database.first_start import FirstStart
from mainstay.database.operations_task import OperationsTask
from mainstay.dns.global_zone import GlobalZone
from mainstay.dns.region_certificate import RegionCertificate
from mainstay.read_only.control_table import ControlTable
from mainstay.stateless.image import ImageSource, Parts
from stacks.composition.choices import capacity_of, first_start_of
from stacks.composition.databases import RegionDatabases
from stacks.composition.names import named
from stacks.composition.region_context import RegionContext

SERVICE_IMAGE = Parts(
    folder=Path(__file__).parents[2],
    dockerfile="service/Dockerfile",
    paths=(
        "service",
        *(
            f"lambda/functions/{name}"
            for name in ("__init__.py", "control_table", "mode_follower", "sequential_test")
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class RegionService:
    """The service of one Region."""

    control: ControlTable
    operations: OperationsTask
    certificate: acm.ICertificate  # that both load balancers present
    events: AuditQueue
    app: AppTier
    worker: AuditWorker


def compose_service(
    databases: RegionDatabases, zone: GlobalZone, links: list[cdk.Stack]
) -> RegionService:
    """Return the service on the databases of a Region; `links` join it to the other one."""
    context = databases.context
    control = ControlTable(
        context.stack(
            "Control", "the mode of a Region, and the lock of its upgrades", stateful=True
        ),
        "Control",
        removal_policy=context.removal_policy,
    )
    operations = _operations(databases, control)
    for needed in (*databases.first_start_needs, *links):
        cdk.Stack.of(operations).add_stack_dependency(needed)
    events = _events(context)
    stores = Stores(
        control=control,
        entity=databases.entity,
        sessions=databases.sessions,
        transaction=databases.transaction,
        events=events,
        reports=databases.reports,
    )
    certificate = _certificate(context, zone)
    app = _app(context, certificate, stores)
    worker = _worker(context, operations, stores)
    for serving in (app, worker):  # the first start comes before any server
        cdk.Stack.of(serving).add_stack_dependency(cdk.Stack.of(operations))
    return RegionService(
        control=control,
        operations=operations,
        certificate=certificate,
        events=events,
        app=app,
        worker=worker,
    )


def _operations(databases: RegionDatabases, control: ControlTable) -> OperationsTask:
    """Return the task, and its first start."""
    context, environment = databases.context, databases.context.environment
    stack = context.stack("Operations", "operations on the databases of a Region", stateful=False)
    task = OperationsTask(
        stack,
        "Operations",
        family=named(environment, "operations"),
        environment_name=environment.name,
        network=context.network,
        image=_image(environment),
        operable=databases.operable,
        control=control,
        log_group=context.logs.functions,
    )
    FirstStart(
        stack,
        "FirstStart",
        operations=task,
        commands=first_start_of(environment, context.region),
        log_group=context.logs.functions,
    )
    return task


def _events(context: RegionContext) -> AuditQueue:
    """Return the queue; what waits there is in no database yet."""
    return AuditQueue(
        context.stack(
            "Events", "the audit events that wait for the transaction store", stateful=True
        ),
        "Audit",
        key=context.keys.transaction,
        removal_policy=context.removal_policy,
    )


def _certificate(context: RegionContext, zone: GlobalZone) -> acm.ICertificate:
    """Return the certificate, in a stack of its own, for it waits for the domain's delegation."""
    stack = context.stack("Certificate", "the certificate of a Region", stateful=False)
    return RegionCertificate(
        stack, "Region", zone=zone.for_stack(stack), domain=context.environment.domain
    ).certificate


def _app(context: RegionContext, certificate: acm.ICertificate, stores: Stores) -> AppTier:
    environment = context.environment
    return AppTier(
        context.stack("App", "the app tier of a Region", stateful=False),
        "App",
        network=context.network,
        certificate=certificate,
        environment_name=environment.name,
        domain=environment.domain,
        image=_image(environment),
        stores=stores,
        half_capacity=capacity_of(environment.app, context.region, services=2),
        longest_request=context.longest_request,
        log_group=context.logs.app,
        access_logs=context.logs.access,
        deletion_protection=environment.keep_data,
    )


def _worker(context: RegionContext, operations: OperationsTask, stores: Stores) -> AuditWorker:
    """Return the worker; what it has not drained waits in the queue."""
    environment, size = context.environment, context.environment.worker
    return AuditWorker(
        context.stack(
            "Worker", "the worker that drains the audit events of a Region", stateful=False
        ),
        "Audit",
        network=context.network,
        cluster=operations.cluster,
        environment_name=environment.name,
        image=_image(environment),
        stores=stores,
        min_tasks=size.min_tasks,
        max_tasks=size.max_tasks,
        cpu_target_percent=size.cpu_target_percent,
        longest_batch=context.longest_request,
        log_group=context.logs.app,
    )


def _image(environment: Environment) -> ImageSource:
    return environment.app.image or SERVICE_IMAGE

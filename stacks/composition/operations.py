"""Watches and changes a running environment: READ_ONLY, the upgrade, the deployer's role."""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk

from config.aws_facts import DNS_REGION
from config.model import Environment
from mainstay.alarm_topic import AlarmTopic
from mainstay.database.healing import Healing
from mainstay.database.metrics import MEASURED_EVERY, ClusterMetrics, ReplicaMetrics
from mainstay.database.reader_parity import MasterReaders
from mainstay.database.scheduled_operation import ScheduledOperation
from mainstay.delivery.github_deployer import GithubDeployer
from mainstay.dns.global_zone import GlobalZone
from mainstay.dns.region_exit import METRIC, exit_alarm_name, exit_namespace
from mainstay.dns.signing_alarms import SigningAlarms
from mainstay.housekeeping.audit_queue_alarms import AuditQueueAlarms
from mainstay.housekeeping.certificate_alarm import CertificateAlarm
from mainstay.housekeeping.housekeeping_alarms import HOUSEKEPT_EVERY, HousekeepingAlarms
from mainstay.housekeeping.mode_alarm import ModeAlarm
from mainstay.housekeeping.notices import Notices
from mainstay.housekeeping.reports_alarm import ReportsAlarm
from mainstay.read_only.automatic_read_only import AutomaticReadOnly
from mainstay.read_only.replication_alarms import ReplicationAlarms
from mainstay.read_only.writer_down import WriterDown
from mainstay.references import cross_region
from mainstay.upgrade.upgrade import StandbyExit, Upgrade, UpgradeOperations
from mainstay.upgrade.upgrade_region import UpgradeRegion
from stacks.composition.databases import RegionDatabases
from stacks.composition.front import RegionFront
from stacks.composition.names import named
from stacks.composition.region_context import RegionContext
from stacks.composition.service import RegionService
from stacks.environment_stack import EnvironmentStack


@dataclass(frozen=True, kw_only=True)
class RegionTiers:
    """All that a Region consists of."""

    databases: RegionDatabases
    service: RegionService
    front: RegionFront

    @property
    def context(self) -> RegionContext:
        """Return the Region's context."""
        return self.databases.context


def compose_operations(
    app: cdk.App,
    environment: Environment,
    regions: list[RegionTiers],
    exits: dict[str, cdk.Stack],
    zone: GlobalZone,
) -> None:
    """Make what acts on a whole environment; the primary Region comes first."""
    for region in regions:
        _read_only(region, regions)
        _housekeeping(region, zone, writes_here=region is regions[0])
    if "B" in regions[0].databases.masters:
        _upgrade(regions, exits)
    if environment.github_repository is not None:
        _delivery(app, environment, environment.github_repository)


def _read_only(region: RegionTiers, regions: list[RegionTiers]) -> None:
    """Enter READ_ONLY by what is seen in a Region, in every Region: all write to one master.

    Each has its own stack, for an alarm is seen where its metric is.
    """
    context, databases = region.context, region.databases
    environment = context.environment
    stack = context.stack("ReadOnly", "READ_ONLY that is entered by itself", stateful=False)
    masters = {
        letter: ClusterMetrics(store.identifier) for letter, store in databases.masters.items()
    }
    # All replicas are measured in the primary Region, by the names of `service.operations lag`.
    successors, followers = {}, {}
    if "B" in masters:
        successors = {"B": "entity_b_from_entity_a", "A": "entity_a_from_entity_b"}
    if masters and environment.databases.delayed is not None:
        followers = {"Follower": "follower_from_entity_a", "Delayed": "delayed"}
    replication = ReplicationAlarms(
        stack,
        "Replication",
        masters=masters,
        copies={name: ClusterMetrics(store.identifier) for name, store in databases.copies.items()},
        successors=_replicas(environment, successors),
        followers=_replicas(environment, followers),
    )
    if successors or followers:
        ScheduledOperation(
            stack,
            "Measure",
            operations=region.service.operations,
            arguments=("lag", "--publish", environment.name),
            every=MEASURED_EVERY,
            description="Measures how far every replica is behind, and what is wrong with it",
        )
    down = []
    if masters:
        down.append(
            WriterDown(
                stack,
                "WriterDown",
                environment_name=environment.name,
                masters=masters,
                app_logs=context.logs.app,
            ).alarm
        )
    identifiers = [store.identifier for store in databases.masters.values()]
    clusters = f"arn:aws:rds:{context.name}:{environment.account}:cluster:"
    readers = _readers(regions[0].databases)
    AutomaticReadOnly(
        stack,
        "Automatic",
        masters=[f"{clusters}{identifier}" for identifier in identifiers],
        tables={other.context.name: _table(other, seen_from=region) for other in regions},
        alarms={"writer": down, "lag": replication.lagging, "broken": replication.broken},
        readers=readers,
        log_group=context.logs.functions,
    )
    links = [alarm for name, alarm in replication.replicas.items() if name != "Delayed"]
    if links:
        Healing(
            stack,
            "Healing",
            operations=region.service.operations,
            masters=[f"{clusters}{identifier}" for identifier in identifiers],
            broken=links,
        )
    for name, value, what in (
        (
            "Regions",
            ",".join(each.context.name for each in regions),
            "Whose alarms `mainstay-mode leave` reads",
        ),
        (
            "Masters",
            ",".join(identifiers) or "none",
            "The clusters that `mainstay-mode leave` asks for a writer",
        ),
        (
            "Readers",
            "none"
            if readers is None or readers.region != context.name
            else f"{readers.target}={readers.least}",
            "The cluster whose least readers `mainstay-mode leave` sets, and how many these are",
        ),
    ):
        cdk.CfnOutput(stack, name, description=what, value=value)
    for each in regions:  # what it reads of the other Region is there when it is deployed
        stack.add_stack_dependency(cdk.Stack.of(each.service.control))


def _housekeeping(region: RegionTiers, zone: GlobalZone, *, writes_here: bool) -> None:
    """Do, or watch, what somebody would have to remember in a Region; docs/housekeeping.md."""
    context, service = region.context, region.service
    environment = context.environment
    stack = context.stack("Housekeeping", "what somebody would have to remember", stateful=False)
    topic = AlarmTopic(
        cdk.Stack.of(service.events),  # its key stands where what is stateful does
        "Messages",
        display_name=f"mainstay {environment.name}: housekeeping",
        description="Subscribe whoever is on call: what has a date needs somebody",
        removal_policy=context.removal_policy,
    )
    ScheduledOperation(
        stack,
        "Clock",
        operations=service.operations,
        arguments=(
            "housekeeping",
            "--keep-months",
            str(environment.databases.transaction.keep_months),
            "--publish",
            environment.name,
        ),
        every=HOUSEKEPT_EVERY,
        description="Keeps the audit log's months; measures certificates and passwords",
    )
    HousekeepingAlarms(
        stack, "Alarms", environment_name=environment.name, topic=topic, writes_here=writes_here
    )
    AuditQueueAlarms(stack, "Audit", queue=service.events, topic=topic)
    ModeAlarm(
        stack,
        "Mode",
        environment_name=environment.name,
        app_logs=context.logs.app,
        topic=topic,
    )
    CertificateAlarm(stack, "Certificate", certificate=service.certificate, topic=topic)
    reports = region.databases.reports
    if reports is not None and reports.readers is not None and writes_here:
        ReportsAlarm(stack, "Reports", readers=reports.readers, topic=topic)
    if environment.dnssec and context.name == DNS_REGION:  # where Route 53 measures every zone
        SigningAlarms(stack, "Signing", zone=zone.for_stack(stack), topic=topic)
    Notices(stack, "Notices", cluster=service.operations.cluster, topic=topic)


def _table(region: RegionTiers, *, seen_from: RegionTiers) -> str:
    name = region.service.control.table_name
    return name if region is seen_from else cross_region(name)


def _replicas(environment: Environment, names: dict[str, str]) -> dict[str, ReplicaMetrics]:
    return {short: ReplicaMetrics(environment.name, name) for short, name in names.items()}


def _upgrade(regions: list[RegionTiers], exits: dict[str, cdk.Stack]) -> None:
    """Make the upgrade of an environment with two masters: B serves reads while A is changed."""
    primary, *standbys = regions
    environment, service = primary.context.environment, primary.service
    stack = primary.context.stack(
        "Upgrade", "the eight-step upgrade, with no planned downtime", stateful=False
    )
    acted_on = [
        UpgradeRegion.of(
            stack,
            control=region.service.control,
            app=region.service.app,
            worker=region.service.worker,
            edge=region.front.proxy.tasks,
            balancer=region.front.public.load_balancer,
        )
        for region in regions
    ]
    for standby in standbys:
        # What it reads of the other Region is there when it is deployed.
        for needed in (standby.service.app, standby.front.proxy):
            stack.add_stack_dependency(cdk.Stack.of(needed))
    for switch in exits.values():
        stack.add_stack_dependency(switch)
    Upgrade(
        stack,
        "Upgrade",
        environment_name=environment.name,
        primary=acted_on[0],
        standby=acted_on[1] if standbys else None,
        exit_=_exit(standbys[0].context) if standbys else None,
        readers=_readers(primary.databases),
        operations=UpgradeOperations.of(service.operations, service.app, environment.domain),
        listener=service.app.listener,
        log_group=primary.context.logs.functions,
    )


def _readers(databases: RegionDatabases) -> MasterReaders | None:
    """Return the masters whose readers come and go with the load."""
    first, second = (databases.masters.get(letter) for letter in ("A", "B"))
    if first is None or second is None or second.least_readers is None:
        return None
    return MasterReaders(
        region=databases.context.name,
        source=first.identifier,
        target=second.identifier,
        least=second.least_readers,
    )


def _exit(standby: RegionContext) -> StandbyExit:
    return StandbyExit(
        namespace=exit_namespace(standby.environment.name),
        metric=METRIC,
        alarm=exit_alarm_name(standby.environment.name, standby.name),
    )


def _delivery(app: cdk.App, environment: Environment, repository: str) -> None:
    """Let GitHub Actions deploy the environment, by one role."""
    stack = EnvironmentStack(
        app,
        "Delivery",
        name=named(environment, "delivery"),
        account=environment.account,
        region=environment.primary.name,
        description="the role that deploys the environment",
        protected=False,
    )
    regions = dict.fromkeys([DNS_REGION, *(region.name for region in environment.regions)])
    GithubDeployer(
        stack,
        "Github",
        environment_name=environment.name,
        repository=repository,
        regions=tuple(regions),
    )

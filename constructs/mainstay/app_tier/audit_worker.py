"""The worker: drains a Region's audit events into the transaction store."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_logs as logs
from constructs import Construct

from mainstay.acknowledge import acknowledge, acknowledge_inline_policy
from mainstay.app_tier.live_task_definition import LiveTaskDefinition, LiveTaskDefinitions
from mainstay.app_tier.stores import Stores
from mainstay.environment_names import own_name
from mainstay.network.network import Network
from mainstay.stateless.drain import drain_time
from mainstay.stateless.image import ImageSource, container_image

CONTAINER = "worker"


class AuditWorker(Construct):
    """An ECS service that no request reaches; any of its tasks may stop at any time.

    Nothing is lost then: an event leaves the queue once it is committed, and one that is written
    twice is one row. It runs the image of the last release, as the halves do. In the standby
    Region it writes through the peering, until the copy there is promoted.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        network: Network,
        cluster: ecs.ICluster,
        environment_name: str,
        image: ImageSource,
        stores: Stores,
        min_tasks: int,
        max_tasks: int,
        cpu_target_percent: int,
        longest_batch: cdk.Duration,
        log_group: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        self.family = f"mainstay-{environment_name}-worker"
        self.task_definition = ecs.FargateTaskDefinition(
            self,
            "Task",
            family=own_name(self),
            cpu=256,  # a batch is one statement, and most of its time is waiting
            memory_limit_mib=512,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.ARM64,
                operating_system_family=ecs.OperatingSystemFamily.LINUX,
            ),
        )
        container = self.task_definition.add_container(
            CONTAINER,
            container_name=CONTAINER,
            image=container_image(self, "Image", image),
            command=["python", "-m", "service.worker"],
            readonly_root_filesystem=True,
            stop_timeout=drain_time(longest_batch),
            logging=ecs.LogDrivers.aws_logs(
                stream_prefix=CONTAINER, log_group=log_group, mode=ecs.AwsLogDriverMode.NON_BLOCKING
            ),
        )
        stores.let_drain(container)
        self._acknowledge_task()
        self.service = ecs.FargateService(
            self,
            "Service",
            cluster=cluster,
            task_definition=self.task_definition,
            vpc_subnets=network.subnets("app"),
            security_groups=[network.security_groups.worker],
            assign_public_ip=False,
            circuit_breaker=ecs.DeploymentCircuitBreaker(enable=True, rollback=True),
            min_healthy_percent=100,
            max_healthy_percent=200,
            availability_zone_rebalancing=ecs.AvailabilityZoneRebalancing.ENABLED,
            enable_ecs_managed_tags=True,
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
        )
        # A worker with a backlog is a busy one, so the CPU tells how much waits.
        self.service.auto_scale_task_count(
            min_capacity=min_tasks, max_capacity=max_tasks
        ).scale_on_cpu_utilization("Cpu", target_utilization_percent=cpu_target_percent)
        LiveTaskDefinition(
            self,
            "Live",
            family=self.family,
            base=self.task_definition,
            definitions=LiveTaskDefinitions(self, "LiveTaskDefinitions", log_group=log_group),
        ).run_in(self.service)

    def _acknowledge_task(self) -> None:
        acknowledge(
            self.task_definition,
            {
                "AwsSolutions-ECS2": "The variables say where the queue and the transaction store "
                "are; nothing of them is secret, and none may come from a parameter store whose "
                "outage would keep a replacement task from starting.",
            },
        )
        execution_role = self.task_definition.obtain_execution_role()
        acknowledge_inline_policy(execution_role)
        acknowledge(
            execution_role,
            {
                "AwsSolutions-IAM5[Resource::*]": "ecr:GetAuthorizationToken, which a task needs "
                "to pull its image, knows no resources (Service Authorization Reference, Amazon "
                "ECR); the pull itself is granted on the one repository.",
            },
        )

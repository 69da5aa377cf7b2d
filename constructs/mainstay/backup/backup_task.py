"""A task of the dumps' image that the clock starts: PostgreSQL's programs, a disk, and one role."""

from __future__ import annotations

from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from constructs import Construct

from mainstay.acknowledge import acknowledge, acknowledge_inline_policy
from mainstay.environment_names import own_name
from mainstay.interfaces import as_role, as_schedule_target, principal
from mainstay.network.network import Network

_WORK = "/work"  # the only place that can be written; it goes with the task


class BackupTask(Construct):
    """Minutes or hours long, with more disk than a function has, inside the network.

    The role has nothing; the caller grants what the task's own act needs. A run that fails is not
    repeated at once: the next one of the schedule makes up for it, and an alarm on the age says so.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster: ecs.ICluster,
        network: Network,
        image: ecs.ContainerImage,
        command: list[str],
        work_gib: int,
        schedule: scheduler.ScheduleExpression,
        description: str,
        log_group: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        self.definition = ecs.FargateTaskDefinition(
            self,
            "Task",
            family=own_name(self),
            cpu=2_048,  # two tables are compressed or restored at once
            memory_limit_mib=4_096,
            ephemeral_storage_gib=work_gib,
            runtime_platform=ecs.RuntimePlatform(
                # User-mode Linux, by which a drill reads a volume, knows no other.
                cpu_architecture=ecs.CpuArchitecture.X86_64,
                operating_system_family=ecs.OperatingSystemFamily.LINUX,
            ),
        )
        self.role = self.definition.task_role
        self.definition.add_volume(name="work")
        container = self.definition.add_container(
            "Backup",
            container_name="backup",
            image=image,
            command=command,
            environment={"TMPDIR": _WORK},
            readonly_root_filesystem=True,
            logging=ecs.LogDrivers.aws_logs(
                stream_prefix=construct_id.lower(), log_group=log_group
            ),
        )
        container.add_mount_points(
            ecs.MountPoint(container_path=_WORK, source_volume="work", read_only=False)
        )
        self._acknowledge()
        starter = iam.Role(self, "Starter", assumed_by=principal("scheduler.amazonaws.com"))
        acknowledge_inline_policy(starter)
        scheduler.Schedule(
            self,
            "Schedule",
            description=description,
            schedule=schedule,
            target=as_schedule_target(
                targets.EcsRunFargateTask(
                    cluster,
                    task_definition=self.definition,
                    vpc_subnets=network.subnets("app"),
                    security_groups=[network.security_groups.operations],
                    assign_public_ip=False,
                    role=as_role(starter),
                    retry_attempts=2,
                )
            ),
        )

    def _acknowledge(self) -> None:
        execution_role = self.definition.obtain_execution_role()
        acknowledge_inline_policy(execution_role)
        acknowledge(
            execution_role,
            {
                "AwsSolutions-IAM5[Resource::*]": "ecr:GetAuthorizationToken, which a task needs "
                "to pull its image, knows no resources (Service Authorization Reference, Amazon "
                "ECR); the pull itself is granted on the one repository.",
            },
        )
        acknowledge_inline_policy(self.role)
        acknowledge(
            self.definition,
            {
                "AwsSolutions-ECS2": "The one variable says where the task may write; nothing of "
                "it is secret, and a password is read from its secret by the task itself.",
            },
        )

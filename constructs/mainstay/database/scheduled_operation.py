"""The clock that runs an operation, in the task in which a person would run it."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from constructs import Construct

from mainstay.acknowledge import acknowledge_inline_policy
from mainstay.database.operations_task import COMMAND, CONTAINER, OperationsTask
from mainstay.interfaces import as_role, as_schedule_target, principal


class ScheduledOperation(Construct):
    """Runs `arguments` of the operations' command line; the next run makes up for a failed one.

    An alarm on what it publishes says when none succeeds: a missing figure is no good one.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        operations: OperationsTask,
        arguments: Sequence[str],
        every: cdk.Duration,
        description: str,
    ) -> None:
        super().__init__(scope, construct_id)
        starter = iam.Role(self, "Starter", assumed_by=principal("scheduler.amazonaws.com"))
        acknowledge_inline_policy(starter)
        command = [*COMMAND, *arguments]
        scheduler.Schedule(
            self,
            "Schedule",
            description=description,
            schedule=scheduler.ScheduleExpression.rate(every),
            target=as_schedule_target(
                targets.EcsRunFargateTask(
                    operations.cluster,
                    task_definition=operations.definition,
                    vpc_subnets=operations.network.subnets("app"),
                    security_groups=[operations.network.security_groups.operations],
                    assign_public_ip=False,
                    role=as_role(starter),
                    input=scheduler.ScheduleTargetInput.from_object(
                        {"containerOverrides": [{"name": CONTAINER, "command": command}]}
                    ),
                    retry_attempts=0,
                )
            ),
        )

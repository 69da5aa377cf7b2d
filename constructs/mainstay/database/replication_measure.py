"""The clock that lets operations measure replication, so that its alarms have something to read."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from constructs import Construct

from mainstay.acknowledge import acknowledge_inline_policy
from mainstay.database.metrics import MEASURED_EVERY
from mainstay.database.operations_task import CONTAINER, OperationsTask
from mainstay.interfaces import as_role, as_schedule_target, principal


class ReplicationMeasure(Construct):
    """Runs `lag --publish` in the operations' task; a run that fails is made up for by the next.

    A subscription that is off and a slot that is gone are states of PostgreSQL, which no metric
    of AWS shows.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        operations: OperationsTask,
        environment_name: str,
    ) -> None:
        super().__init__(scope, construct_id)
        starter = iam.Role(self, "Starter", assumed_by=principal("scheduler.amazonaws.com"))
        acknowledge_inline_policy(starter)
        command = ["python", "-m", "service.operations", "lag", "--publish", environment_name]
        scheduler.Schedule(
            self,
            "Schedule",
            description="Measures how far every replica is behind, and what is wrong with it",
            schedule=scheduler.ScheduleExpression.rate(MEASURED_EVERY),
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

"""A function with a schedule that starts it."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from constructs import Construct

from mainstay.acknowledge import acknowledge, acknowledge_inline_policy
from mainstay.functions.function import Function
from mainstay.interfaces import as_function, as_role, as_schedule_target, principal


class JobFunction(Construct):
    """Everything that it does, another run does again: so nothing waits in a queue for it.

    The role has nothing but its log; the caller grants the rest, and gives the variables that
    grants return to `function.add_environment`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        handler: str,
        description: str,
        log_group: logs.ILogGroup,
        environment: dict[str, str],
        alarmed: str = "the alarms on the age of the newest backup say when none succeeds.",
        memory_mib: int = 256,
        timeout: cdk.Duration | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = Function(
            self,
            "Function",
            handler=handler,
            description=description,
            memory_mib=memory_mib,
            timeout=timeout or cdk.Duration.minutes(15),
            log_group=log_group,
            environment=environment,
            without_queue="Each run finds by itself what is left to do, so a failed one is made up "
            f"for by the next; {alarmed}",
            concurrency=None,
            without_concurrency="Two runs at once do no harm, for every step is idempotent; a "
            "reserved concurrency would take it away from what serves users.",
        )
        self.role = self.function.own_role

    def every(self, schedule: scheduler.ScheduleExpression, description: str) -> None:
        """Start it by the clock."""
        starter = iam.Role(self, "Starter", assumed_by=principal("scheduler.amazonaws.com"))
        acknowledge_inline_policy(starter)
        resource = self.function.node.default_child
        assert isinstance(resource, lambda_.CfnFunction)
        name = cdk.Stack.of(self).get_logical_id(resource)
        acknowledge(
            starter,
            {
                f"AwsSolutions-IAM5[Resource::<{name}.Arn>:*]": "A permission to invoke a function "
                "covers its versions and aliases, of which this one has none.",
            },
        )
        scheduler.Schedule(
            self,
            "Schedule",
            description=description,
            schedule=schedule,
            target=as_schedule_target(
                targets.LambdaInvoke(
                    as_function(self.function), role=as_role(starter), retry_attempts=2
                )
            ),
        )

"""The bootstrap, as the step of the first deploy that comes before every server."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from mainstay.acknowledge import acknowledge
from mainstay.database.operations_task import CONTAINER, OperationsTask
from mainstay.functions.function import ANSWERS_CLOUDFORMATION, Function

# The most that AWS Lambda gives. A replica node takes minutes of it to be there.
_TIMEOUT = cdk.Duration.minutes(15)


class FirstStart(Construct):
    """Runs commands in the operations' task when the stack is created, and never again.

    CloudFormation has no resource for an SQL statement, nor one for a task that ends, hence a
    custom one. Whatever serves is deployed after it; see docs/decisions/0027-first-start.md.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        operations: OperationsTask,
        commands: Sequence[Sequence[str]],
        log_group: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        function = Function(
            self,
            "Function",
            handler="first_start.handler.handler",
            description="Bootstraps the stores of a Region before anything serves",
            timeout=_TIMEOUT,
            log_group=log_group,
            concurrency=1,
            without_queue=ANSWERS_CLOUDFORMATION,
        )
        role = function.own_role
        self._grant(role, operations)
        network = operations.network
        resource = cdk.CustomResource(
            self,
            "Resource",
            service_token=function.function_arn,
            resource_type="Custom::FirstStart",
            properties={
                "Cluster": operations.cluster.cluster_name,
                "TaskDefinition": operations.family,
                "Container": CONTAINER,
                "Subnets": [subnet.subnet_id for subnet in network.subnets("app").subnets or ()],
                "SecurityGroup": network.security_groups.operations.security_group_id,
                "Commands": [list(command) for command in commands],
            },
            service_timeout=_TIMEOUT,
        )
        # The permissions of both must be there before the function is asked.
        resource.node.add_dependency(role, operations)

    def _grant(self, role: iam.Role, operations: OperationsTask) -> None:
        stack = cdk.Stack.of(self)
        place = f"{stack.region}:{stack.account}"
        revisions = f"arn:aws:ecs:{place}:task-definition/{operations.family}:*"
        tasks = f"arn:aws:ecs:{place}:task/*"
        in_cluster = {"ArnEquals": {"ecs:cluster": operations.cluster.cluster_arn}}
        for action, resource in (("ecs:RunTask", revisions), ("ecs:DescribeTasks", tasks)):
            role.add_to_policy(
                iam.PolicyStatement(actions=[action], resources=[resource], conditions=in_cluster)
            )
        # What a failed task printed last goes into the reason that CloudFormation gets.
        role.add_to_policy(
            iam.PolicyStatement(actions=["ecs:DescribeTaskDefinition"], resources=["*"])
        )
        operations.log_group.grant(role, "logs:GetLogEvents")
        operations.definition.task_role.grant_pass_role(role)
        operations.definition.obtain_execution_role().grant_pass_role(role)
        acknowledge(
            role,
            {
                f"AwsSolutions-IAM5[Resource::{revisions}]": "A revision's number is not known "
                "before it is registered; the family is that of the operations' task alone.",
                f"AwsSolutions-IAM5[Resource::{tasks}]": "ecs:DescribeTasks, by which a task's "
                "end is awaited whose id does not exist yet; a condition limits it to the one "
                "cluster of operations.",
                "AwsSolutions-IAM5[Resource::*]": "ecs:DescribeTaskDefinition, by which a failed "
                "task's log is found, knows no resources (Service Authorization Reference, Amazon "
                "ECS).",
            },
        )

"""After a failover of a master, or while a link is broken: `heal`, with nobody asked."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
import jsii
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk.interfaces.aws_events import IRuleRef
from constructs import Construct

from mainstay.acknowledge import acknowledge_inline_policy
from mainstay.database.operations_task import COMMAND, CONTAINER, OperationsTask
from mainstay.event_patterns import goes_off, happens_to
from mainstay.interfaces import as_role, principal

# Amazon Aurora User Guide, "Amazon RDS event categories and event messages": the failover has
# ended, and the previous writer was promoted again.
OVER = ("RDS-EVENT-0070", "RDS-EVENT-0071")
# As long as the writers' name may lead to nobody, and a subscriber may need to find the new one.
_TIMEOUT = cdk.Duration.minutes(10)
# A failover that was longer ago was looked at by the alarm that comes with the next measures.
_OLDEST_EVENT = cdk.Duration.minutes(15)


class Healing(Construct):
    """Starts the operations' task with `heal --unattended`, by two who do not know each other.

    Amazon RDS sends its events at best effort, so a link that the measurement finds broken starts
    it too. See docs/decisions/0038-a-link-heals-by-itself.md.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        operations: OperationsTask,
        masters: Sequence[str],
        broken: Sequence[cloudwatch.AlarmBase],
    ) -> None:
        super().__init__(scope, construct_id)
        starter = iam.Role(self, "Starter", assumed_by=principal("events.amazonaws.com"))
        acknowledge_inline_policy(starter)
        definition = operations.definition
        starter.add_to_policy(
            iam.PolicyStatement(
                actions=["ecs:RunTask"],
                resources=[definition.task_definition_arn],
                conditions={"ArnEquals": {"ecs:cluster": operations.cluster.cluster_arn}},
            )
        )
        for role in (definition.task_role, definition.obtain_execution_role()):
            role.grant_pass_role(starter)
        target = _Task(operations, as_role(starter))
        events.Rule(
            self,
            "Failover",
            description="A failover of an entity master is over: its links are looked at",
            event_pattern=happens_to(masters, OVER),
            targets=[target],
        )
        events.Rule(
            self,
            "Broken",
            description="A link of the entity store is broken: it is looked at",
            event_pattern=goes_off(broken),
            targets=[target],
        )


@jsii.implements(events.IRuleTarget)
class _Task:
    """The operations' task with the command: the L2's target would let its role tag every task."""

    def __init__(self, operations: OperationsTask, starter: iam.IRole) -> None:
        self._operations = operations
        self._starter = starter

    def bind(self, rule: IRuleRef, id: str | None = None) -> events.RuleTargetConfig:  # noqa: A002 (as CDK names it)
        """Return the target, as CDK asks for it."""
        operations = self._operations
        network = operations.network
        arguments = ["--timeout", str(_TIMEOUT.to_seconds()), "heal", "--unattended"]
        override = {"name": CONTAINER, "command": [*COMMAND, *arguments]}
        return events.RuleTargetConfig(
            arn=operations.cluster.cluster_arn,
            role=self._starter,
            input=events.RuleTargetInput.from_object({"containerOverrides": [override]}),
            ecs_parameters=events.CfnRule.EcsParametersProperty(
                task_definition_arn=operations.definition.task_definition_arn,
                task_count=1,
                launch_type="FARGATE",
                network_configuration=events.CfnRule.NetworkConfigurationProperty(
                    aws_vpc_configuration=events.CfnRule.AwsVpcConfigurationProperty(
                        subnets=[each.subnet_id for each in network.subnets("app").subnets or ()],
                        security_groups=[network.security_groups.operations.security_group_id],
                        assign_public_ip="DISABLED",
                    )
                ),
            ),
            retry_policy=events.CfnRule.RetryPolicyProperty(
                maximum_event_age_in_seconds=_OLDEST_EVENT.to_seconds(), maximum_retry_attempts=10
            ),
        )

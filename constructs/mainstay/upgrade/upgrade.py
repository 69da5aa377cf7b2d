"""The upgrade of an environment: the state machine, and the function behind its states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import aws_cdk as cdk
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from mainstay.acknowledge import acknowledge, acknowledge_inline_policy
from mainstay.app_tier.app_tier import AppTier
from mainstay.app_tier.halves import LEAVES, STAYS
from mainstay.database.operations_task import CONTAINER, OperationsTask
from mainstay.database.reader_parity import MasterReaders
from mainstay.edge.edge_proxy import APP_LABEL
from mainstay.functions.function import Function
from mainstay.network.tier_security_groups import APP_BALANCER_PORT
from mainstay.operators_topic import operators_topic
from mainstay.upgrade.definition import Definition, OperationsRun
from mainstay.upgrade.upgrade_region import UpgradeRegion

# One of the edge's own words, which no client can say through it.
TEST_HEADER = "X-Edge-Half"
_TEST_PRIORITIES = (10, 11)  # before the weights, at 100
# From the alarm to the last resolver: a health check of an alarm looks every ten seconds and asks
# three times; the records live for 60 s.
_LEAVING_SECONDS = 90
# Of two periods of a metric that has no zeros, and two minutes more until it is published.
_QUIET_SECONDS = 240
# A minute, of Route 53's checkers: eight places, some two requests in ten seconds each, twice over
# for whoever else asks for health.
_QUIET_REQUESTS = 200


def machine_name(environment_name: str) -> str:
    """Physical: the command line finds the machine by it."""
    return f"mainstay-{environment_name}-upgrade"


@dataclass(frozen=True, kw_only=True)
class UpgradeOperations:
    """The one-off task: where it runs, and its family, whose revision the upgrade registers."""

    run: OperationsRun
    cluster_name: str
    family: str
    roles: tuple[str, ...]
    log_group: logs.ILogGroup  # with the lines that its tasks print
    app_address: str  # host:port of the internal load balancer
    app_name: str  # that its certificate answers to

    @classmethod
    def of(cls, operations: OperationsTask, app: AppTier, domain: str) -> UpgradeOperations:
        """Return the Region's task, which asks the service's new code by the internal balancer."""
        network, definition = operations.network, operations.definition
        return cls(
            run=OperationsRun(
                cluster_arn=operations.cluster.cluster_arn,
                container=CONTAINER,
                subnet_ids=[subnet.subnet_id for subnet in network.subnets("app").subnets or ()],
                security_group_id=network.security_groups.operations.security_group_id,
            ),
            cluster_name=operations.cluster.cluster_name,
            family=operations.family,
            roles=(definition.task_role.role_arn, definition.obtain_execution_role().role_arn),
            log_group=operations.log_group,
            app_address=f"{app.load_balancer.load_balancer_dns_name}:{APP_BALANCER_PORT}",
            app_name=f"{APP_LABEL}.{domain}",
        )


@dataclass(frozen=True, kw_only=True)
class StandbyExit:
    """The data point that takes the standby out of DNS, and the alarm that it sets."""

    namespace: str
    metric: str
    alarm: str


class Upgrade(Construct):
    """Starts nothing by itself: `mainstay upgrade start --image <image>` does.

    Runs in the primary Region and acts in both. The table of steps is its only source; the lock,
    the plan and the journal of a run are in the primary's control table, so that another execution
    goes on where one ended.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment_name: str,
        primary: UpgradeRegion,
        standby: UpgradeRegion | None,
        exit_: StandbyExit | None,
        readers: MasterReaders | None,
        operations: UpgradeOperations,
        listener: elbv2.IApplicationListener,
        log_group: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        regions = [primary] if standby is None else [primary, standby]
        self._test_rules(listener, primary)
        variables = {
            "APP_ADDRESS": operations.app_address,
            "APP_NAME": operations.app_name,
            "TEST_HEADER": TEST_HEADER,
            "TEST_HALF": LEAVES,
            "OLD_HALF": STAYS,
        }
        site = {
            "primary": primary.as_json,
            "standby": None if standby is None else standby.as_json,
            "exit": _exit(exit_),
            "readers": None
            if readers is None
            else {"source": readers.source, "target": readers.target},
            "quiet_seconds": _QUIET_SECONDS,
            "operations": {
                "cluster": operations.cluster_name,
                "family": operations.family,
                "container": operations.run.container,
                "variables": variables,
            },
        }
        self.function = Function(
            self,
            "Function",
            handler="upgrade.handler.handler",
            description="Does what a state of the upgrade says, if the upgrade is still its own",
            memory_mib=512,  # CPU comes with it: importing the SDK is most of a call
            timeout=cdk.Duration.seconds(50),  # under the state's own 60 s
            log_group=log_group,
            # A state, and the same state's retry after an answer that was lost.
            concurrency=2,
            without_queue="The state machine waits for this function's answer, retries it, and "
            "goes back or stops without it; a queue of dead requests would be read by nobody.",
            environment={"SITE": cdk.Stack.of(self).to_json_string(site)},
        )
        self._role = self.function.own_role
        self._grant(regions, operations, exit_)
        if readers is not None:
            readers.let_raise(self._role)
        self.operators = operators_topic(
            self,
            display_name="mainstay: upgrades that have stopped",
            description="Subscribe whoever is on call: a stopped upgrade says here why",
        )
        definition = Definition(
            self,
            "Definition",
            function=cast("lambda_.IFunction", self.function),
            operations=operations.run,
            operators=cast("sns.ITopic", self.operators),
        )
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            state_machine_name=machine_name(environment_name),
            definition_body=sfn.DefinitionBody.from_chainable(definition.first),
            query_language=sfn.QueryLanguage.JSONATA,
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=log_group, level=sfn.LogLevel.ALL, include_execution_data=True
            ),
        )
        self._let_it_run_tasks(operations)

    def _test_rules(self, listener: elbv2.IApplicationListener, primary: UpgradeRegion) -> None:
        """L1, by ARN: as an object, the group's own stack would come to depend on this one."""
        rule = elbv2.CfnListenerRule
        for half, priority in zip((LEAVES, STAYS), _TEST_PRIORITIES, strict=True):
            rule(
                self,
                "Test" if half == LEAVES else "TestOld",
                listener_arn=listener.listener_arn,
                priority=priority,
                conditions=[
                    rule.RuleConditionProperty(
                        field="http-header",
                        http_header_config=rule.HttpHeaderConfigProperty(
                            http_header_name=TEST_HEADER, values=[half]
                        ),
                    )
                ],
                actions=[
                    rule.ActionProperty(
                        type="forward", target_group_arn=primary.halves[half].targets
                    )
                ],
            )

    def _grant(
        self,
        regions: list[UpgradeRegion],
        operations: UpgradeOperations,
        exit_: StandbyExit | None,
    ) -> None:
        account = cdk.Stack.of(self).account
        primary = regions[0]
        for region in regions:
            here = f"{region.region}:{account}"
            table = f"arn:aws:dynamodb:{here}:table/{region.table}"
            keys = ["mode", "ack", "lock", "journal#*"] if region is primary else ["mode"]
            self._allow(
                ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:Query"],
                [table],
                {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}},
            )
            services = [
                f"arn:aws:ecs:{here}:service/{each.cluster}/{each.name}"
                for each in region.releasing
            ]
            self._allow(["ecs:DescribeServices", "ecs:UpdateService"], services)
            families = [each.family for each in region.releasing]
            if region is primary:
                families.append(operations.family)
            revisions = [f"arn:aws:ecs:{here}:task-definition/{name}:*" for name in families]
            self._allow(["ecs:RegisterTaskDefinition"], revisions)
            for each in revisions:
                self._because(
                    f"Resource::{each}",
                    "Registering creates the revision whose number the ARN would name, so only "
                    "the family can be granted; it is one of those that an upgrade releases.",
                )
            roles = [role for each in region.releasing for role in each.roles]
            self._pass_roles(roles)
        self._pass_roles(list(operations.roles))
        if primary.rule is not None:
            self._allow(["elasticloadbalancing:ModifyRule"], [primary.rule])
        if exit_ is not None:
            self._allow(
                ["cloudwatch:PutMetricData"],
                ["*"],
                {"StringEquals": {"cloudwatch:namespace": exit_.namespace}},
            )
        in_cluster = {"ArnEquals": {"ecs:cluster": operations.run.cluster_arn}}
        tasks = f"arn:aws:ecs:{primary.region}:{account}:task/*"
        self._allow(["ecs:StopTask", "ecs:DescribeTasks"], [tasks], in_cluster)
        # A failed operation's last line goes into the reason of a stop.
        operations.log_group.grant(self._role, "logs:GetLogEvents")
        watched = [(region.region, name) for region in regions for name in region.alarms]
        if exit_ is not None:
            watched.append((primary.region, exit_.alarm))
        self._allow(
            ["cloudwatch:DescribeAlarms"],
            [f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}" for region, name in watched],
        )
        self._because(
            f"Resource::{tasks}",
            "A task's id is not known before it runs; a condition limits it to the cluster of "
            "one-off tasks, and only those of the upgrade's own group are stopped.",
        )
        scalable = [
            f"arn:aws:application-autoscaling:{region.region}:{account}:scalable-target/*"
            for region in regions
        ]
        for each in scalable:
            self._because(
                f"Resource::{each}",
                "A scalable target's id is Application Auto Scaling's own and in no template; a "
                "condition limits it to those of Amazon ECS.",
            )
        self._allow(
            ["application-autoscaling:RegisterScalableTarget"],
            scalable,
            {"StringEquals": {"application-autoscaling:service-namespace": "ecs"}},
        )
        self._allow(
            [
                "application-autoscaling:DescribeScalableTargets",
                "cloudwatch:GetMetricStatistics",
                "ecs:DeregisterTaskDefinition",
                "ecs:DescribeTaskDefinition",
                "ecs:ListTaskDefinitions",
                "ecs:ListTasks",
                "elasticloadbalancing:DescribeRules",
                "elasticloadbalancing:DescribeTargetHealth",
            ],
            ["*"],
        )
        self._because(
            "Resource::*",
            "What reads ECS, load balancers, alarms and scaling, and what deregisters a revision, "
            "knows no resources (Service Authorization Reference); data points are limited to one "
            "namespace by a condition.",
        )

    def _pass_roles(self, roles: list[str]) -> None:
        self._allow(
            ["iam:PassRole"],
            roles,
            {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        )

    def _allow(
        self, actions: list[str], resources: list[str], conditions: dict[str, Any] | None = None
    ) -> None:
        self._role.add_to_policy(
            iam.PolicyStatement(actions=actions, resources=resources, conditions=conditions)
        )

    def _because(self, finding: str, reason: str) -> None:
        acknowledge(self._role, {f"AwsSolutions-IAM5[{finding}]": reason})

    def _let_it_run_tasks(self, operations: UpgradeOperations) -> None:
        """Grant what `ecs:runTask.sync` needs (AWS Step Functions Developer Guide, Amazon ECS)."""
        stack = cdk.Stack.of(self)
        here = f"{stack.region}:{stack.account}"
        revisions = f"arn:aws:ecs:{here}:task-definition/{operations.family}:*"
        in_cluster = {"ArnEquals": {"ecs:cluster": operations.run.cluster_arn}}
        tasks = f"arn:aws:ecs:{here}:task/*"
        rule = f"arn:aws:events:{here}:rule/StepFunctionsGetEventsForECSTaskRule"
        for actions, resources, conditions in (
            (["ecs:RunTask"], [revisions], in_cluster),
            (["ecs:StopTask", "ecs:DescribeTasks"], [tasks], in_cluster),
            (["events:PutTargets", "events:PutRule", "events:DescribeRule"], [rule], {}),
            (["iam:PassRole"], list(operations.roles), {}),
        ):
            self.machine.add_to_role_policy(
                iam.PolicyStatement(actions=actions, resources=resources, conditions=conditions)
            )
        function = self.function.node.default_child
        assert isinstance(function, lambda_.CfnFunction)
        versions = f"<{stack.get_logical_id(function)}.Arn>:*"
        acknowledge_inline_policy(self.machine.role)
        acknowledge(
            self.machine.role,
            {
                f"AwsSolutions-IAM5[Resource::{revisions}]": "The release's revision is registered "
                "by the upgrade itself; the family is that of operations alone.",
                f"AwsSolutions-IAM5[Resource::{versions}]": "The L2 grants every version of the "
                "one function that the machine's states invoke; it has none but the newest.",
                "AwsSolutions-IAM5[Resource::*]": "X-Ray and the delivery of logs know no "
                "resources (Service Authorization Reference); the statements are the L2's.",
                f"AwsSolutions-IAM5[Resource::{tasks}]": "A task's id is not known before it runs; "
                "a condition limits it to the cluster of one-off tasks.",
            },
        )


def _exit(given: StandbyExit | None) -> dict[str, Any] | None:
    if given is None:
        return None
    return {
        "namespace": given.namespace,
        "metric": given.metric,
        "alarm": given.alarm,
        "seconds": _LEAVING_SECONDS,
        "quiet_requests": _QUIET_REQUESTS,
    }

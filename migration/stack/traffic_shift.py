"""The way from a legacy edge to this one: live weights, and the function that owns them."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct, IConstruct

from config.region import LegacyEdge
from mainstay.acknowledge import acknowledge
from mainstay.edge.edge_proxy import EdgeProxy
from mainstay.edge.public_load_balancer import LOG_PREFIX, PublicLoadBalancer
from mainstay.event_patterns import goes_off
from mainstay.functions.function import Function
from mainstay.functions.function_code import code_of
from mainstay.interfaces import rule_target
from mainstay.logs.region_logs import RegionLogs
from mainstay.read_only.control_table import ControlTable

# Rules of operations, such as one that pins a tester's header to one chain, go before it.
RULE_PRIORITY = 500
# What requests are compared by: everything else is one more route, "other".
ROUTES = (
    "/.well-known",
    "/api/v1/authn",
    "/api/v1/groups",
    "/api/v1/sessions",
    "/api/v1/users",
    "/app",
    "/login",
    "/oauth2",
)
_ROOM = Path(__file__).parents[1]
_TIMEOUT = cdk.Duration.minutes(15)  # the longest that AWS Lambda gives


class TrafficShift(Construct):
    """Divides the traffic of the public listener between a legacy chain and the edge, by weight.

    It begins with everything at the legacy chain. After the command "start" the function raises
    the weight step by step, compares the answers of both chains in the load balancer's own log,
    and takes everything back when the edge answers worse or its alarm goes off.
    migration.traffic_shift decides; docs/runbooks/edge-shift.md is what a person does.

    While its stack stands, its rule decides who serves; once it is gone, the edge serves
    everything. So it protects its stack, which a person destroys when the shift is done.

    No template knows the weights after the first deploy: the rule holds nothing else, and no
    edit has a reason to write it. Without this construct the listener's default is the edge.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        legacy: LegacyEdge,
        public: PublicLoadBalancer,
        balancer_group: ec2.ISecurityGroup,
        proxy: EdgeProxy,
        control: ControlTable,
        logs: RegionLogs,
    ) -> None:
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        stack.termination_protection = True
        alarm, edge_targets = proxy.tasks.failing.alarm, proxy.tasks.target_group.target_group_arn
        self._let_the_balancer_reach(legacy, balancer_group)
        self.rule = self._rule(public.listener, legacy.target_group_arn, edge_targets)
        folder = f"{LOG_PREFIX}/AWSLogs/{stack.account}/elasticloadbalancing/{stack.region}"
        self.function = Function(
            self,
            "Function",
            handler="traffic_shift.handler.handler",
            code=code_of(_ROOM, ("traffic_shift/**",)),
            description="Moves traffic from the legacy edge to the new one, and back by itself",
            # One whole vCPU, which reads some 85,000 lines of log a second (measured).
            memory_mib=1_769,
            timeout=_TIMEOUT,
            log_group=logs.edge,
            # A turn of the clock, and beside it the alarm that takes its weight away.
            concurrency=2,
            without_queue="A turn that failed is made up for by the next, a minute later, from the "
            "same memory; the alarm `Stalled` says when none succeeds.",
            environment={
                "RULE": self.rule.listener_rule_arn,
                "LEGACY_TARGETS": legacy.target_group_arn,
                "NEW_TARGETS": edge_targets,
                "LOG_BUCKET": logs.access.bucket_name,
                "LOG_FOLDER": folder,
                "BALANCER": public.load_balancer.load_balancer_full_name,
                "ALARMS": alarm.alarm_name,
                "ROUTES": ",".join(ROUTES),
                "CONTROL_TABLE": control.table.table_name,
            },
        )
        role = self.function.own_role
        self._grant(role, alarm, logs.access, folder, control)
        self._acknowledge(role, f"{_exported(logs.access.bucket_arn, logs.access)}/{folder}/*")
        self._turn(alarm)
        self._watch()
        cdk.CfnOutput(
            self,
            "Command",
            description="Commands are start, status, hold, resume, advance and return",
            value=f"aws lambda invoke --function-name {self.function.function_name} "
            "--cli-binary-format raw-in-base64-out --payload "
            '\'{"command": "status", "by": "<you>"}\' /dev/stdout',
        )

    def _let_the_balancer_reach(self, legacy: LegacyEdge, group: ec2.ISecurityGroup) -> None:
        # Beside the one file of rules on purpose: it comes and goes with the migration. L1: the
        # group is handed out immutable, so that its L2 would quietly add nothing.
        ec2.CfnSecurityGroupEgress(
            self,
            "ToLegacy",
            group_id=group.security_group_id,
            ip_protocol="tcp",
            from_port=legacy.port,
            to_port=legacy.port,
            cidr_ip=legacy.cidr,
            description="Requests, to the legacy edge while traffic is shifted",
        )

    def _rule(
        self, listener: elbv2.IApplicationListener, legacy: str, edge: str
    ) -> elbv2.ApplicationListenerRule:
        # By ARN: as objects, the edge's own stack would come to depend on this one.
        groups = []
        for name, arn, weight in (("Legacy", legacy, 100), ("New", edge, 0)):
            group = elbv2.ApplicationTargetGroup.from_target_group_attributes(
                self, name, target_group_arn=arn
            )
            groups.append(elbv2.WeightedTargetGroup(target_group=group, weight=weight))
            acknowledge(
                group,
                {
                    "Annotation::@aws-cdk/aws-elbv2:albTargetGroupCannotRegisterListener": "What "
                    "the balancer may reach is written beside this rule for the legacy chain, and "
                    "in the tiers' own rules for the edge.",
                },
            )
        return elbv2.ApplicationListenerRule(
            self,
            "Weights",
            listener=listener,
            priority=RULE_PRIORITY,
            conditions=[elbv2.ListenerCondition.path_patterns(["/*"])],
            action=elbv2.ListenerAction.weighted_forward(groups),
        )

    def _grant(
        self,
        role: iam.Role,
        alarm: cloudwatch.IAlarm,
        access_logs: s3.IBucket,
        folder: str,
        control: ControlTable,
    ) -> None:
        # The memory of the shift is one item of the control table.
        memory = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["shift"]}}
        files = access_logs.arn_for_objects(f"{folder}/*")
        for actions, resource, conditions in (
            (["s3:GetObject"], files, {}),
            (
                ["s3:ListBucket"],
                access_logs.bucket_arn,
                {"StringLike": {"s3:prefix": f"{folder}/*"}},
            ),
            (["dynamodb:GetItem", "dynamodb:PutItem"], control.table.table_arn, memory),
            (["elasticloadbalancing:ModifyRule"], self.rule.listener_rule_arn, {}),
            (["elasticloadbalancing:DescribeRules"], "*", {}),
            (["cloudwatch:DescribeAlarms"], alarm.alarm_arn, {}),
        ):
            role.add_to_policy(
                iam.PolicyStatement(actions=actions, resources=[resource], conditions=conditions)
            )

    def _turn(self, alarm: cloudwatch.IAlarm) -> None:
        clock = events.RuleTargetInput.from_object({"command": "tick"})
        events.Rule(
            self,
            "Clock",
            description="Turns the traffic shift; a turn that failed is made up for by the next",
            schedule=events.Schedule.rate(cdk.Duration.minutes(1)),
            targets=[rule_target(self.function, event=clock, retry_attempts=0)],
        )
        events.Rule(
            self,
            "Alarm",
            description="Takes all traffic back to the legacy edge, at once",
            event_pattern=goes_off([alarm]),
            targets=[rule_target(self.function, max_event_age=cdk.Duration.hours(1))],
        )

    def _watch(self) -> None:
        self.stalled = cloudwatch.Alarm(
            self,
            "Stalled",
            alarm_description="The traffic shift has failed for a quarter of an hour: nothing "
            "compares the chains and nothing takes traffic back: docs/runbooks/edge-shift.md",
            metric=self.function.metric_errors(period=cdk.Duration.minutes(5)),
            threshold=1,
            evaluation_periods=3,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.BREACHING,  # the clock has stopped
        )
        acknowledge(
            self.stalled,
            {
                "NIST.800.53.R5-CloudWatchAlarmAction": "Whoever conducts a migration watches it, "
                "and the console of the migration shows this alarm; the monitors page for what "
                "users see, with thresholds of their own, whichever chain serves them.",
            },
        )

    def _acknowledge(self, role: iam.Role, files: str) -> None:
        acknowledge(
            role,
            {
                "AwsSolutions-IAM5[Resource::*]": "elasticloadbalancing:DescribeRules, which "
                "reads the live weights, knows no resources (Service Authorization Reference, "
                "Elastic Load Balancing V2); writing them is granted on the one rule.",
                f"AwsSolutions-IAM5[Resource::{files}]": "The files of an access log have names "
                "that only the load balancer knows before they are written, so reading is granted "
                "on the one folder that holds nothing else.",
            },
        )


def _exported(value: str, producer: IConstruct) -> str:
    """Return the name by which another stack imports this value of `producer`'s."""
    stack = cdk.Stack.of(producer)
    return stack.resolve(stack.export_value(value))["Fn::ImportValue"]

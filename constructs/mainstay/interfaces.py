"""Classes of CDK as the interfaces that they implement, for the type checker alone.

jsii generates a class's methods with other parameter names than its interface's, so pyright
denies that an `iam.Role` is an `iam.IRole`. At run time each function here returns its argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns


def principal(service: str) -> iam.IPrincipal:
    """An AWS service as whom a policy is about."""
    return cast("iam.IPrincipal", iam.ServicePrincipal(service))


def as_principal(principal: iam.PrincipalBase) -> iam.IPrincipal:
    return cast("iam.IPrincipal", principal)


def as_role(role: iam.Role) -> iam.IRole:
    return cast("iam.IRole", role)


def as_key(key: kms.Key) -> kms.IKey:
    return cast("kms.IKey", key)


def as_subnets(subnets: Sequence[ec2.Subnet]) -> list[ec2.ISubnet]:
    return [cast("ec2.ISubnet", subnet) for subnet in subnets]


def rule_target(function: lambda_.Function, **settings: Any) -> events.IRuleTarget:
    """A function as what a rule of EventBridge invokes; `settings` are LambdaFunction's."""
    handler = cast("lambda_.IFunction", function)
    return cast("events.IRuleTarget", targets.LambdaFunction(handler, **settings))


def alarm_action(topic: sns.ITopic) -> cloudwatch.IAlarmAction:
    """Return what an alarm does that publishes to a topic."""
    return cast("cloudwatch.IAlarmAction", cloudwatch_actions.SnsAction(topic))


def as_topic(topic: sns.Topic) -> sns.ITopic:
    return cast("sns.ITopic", topic)


def as_secret(secret: secretsmanager.Secret) -> secretsmanager.ISecret:
    return cast("secretsmanager.ISecret", secret)


def as_alarm_action(action: cloudwatch_actions.SnsAction) -> cloudwatch.IAlarmAction:
    return cast("cloudwatch.IAlarmAction", action)


def as_function(function: lambda_.Function) -> lambda_.IFunction:
    return cast("lambda_.IFunction", function)


def as_schedule_target(target: scheduler_targets.ScheduleTargetBase) -> scheduler.IScheduleTarget:
    return cast("scheduler.IScheduleTarget", target)

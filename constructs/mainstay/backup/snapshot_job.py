"""Snapshots of tagged volumes: taken every hour, copied once a day, pruned by policy."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from mainstay.acknowledge import acknowledge
from mainstay.backup.metrics import backup_namespace
from mainstay.environment_names import ENVIRONMENT_TAG
from mainstay.functions.job_function import JobFunction

VOLUME_TAG = "mainstay:snapshots"  # its value names the series
SET_TAG = "mainstay:set"  # on every snapshot of the job, and on no other


@dataclass(frozen=True, kw_only=True)
class SnapshotRetention:
    """The number of hours, days, weeks and months that keep a snapshot."""

    hourly: int
    daily: int
    weekly: int
    monthly: int


@dataclass(frozen=True, kw_only=True)
class Copy:
    """The second Region, its key for copies, and what is kept there."""

    region: str
    key_arn: str
    keep: SnapshotRetention


class SnapshotJob(Construct):
    """Two functions: one takes and copies and cannot delete, the other deletes and cannot take.

    What both know is in the tags of the snapshots; functions.snapshot_job decides. Volumes are in
    by their tag, whichever stack they stand in.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment_name: str,
        keep: SnapshotRetention,
        volume_key: kms.IKey,
        copy: Copy | None,
        log_group: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        self._environment_name = environment_name
        self._namespace = backup_namespace(environment_name)
        variables = {
            "ENVIRONMENT": environment_name,
            "METRICS": self._namespace,
            "POLICY": json.dumps(asdict(keep)),
        }
        if copy is not None:
            variables |= {
                "COPY_REGION": copy.region,
                "COPY_KEY": copy.key_arn,
                "COPY_POLICY": json.dumps(asdict(copy.keep)),
            }
        self.take = JobFunction(
            self,
            "Take",
            handler="snapshot_job.handler.take",
            description="Takes and copies the snapshots that are due",
            log_group=log_group,
            environment=variables,
        )
        self._let_take(copy)
        self._let_publish()
        if copy is not None:
            self._let_copy(copy, volume_key)
        # A run finds what is due; four in an hour, so that a failed one costs a quarter of it.
        self.take.every(
            scheduler.ScheduleExpression.rate(cdk.Duration.minutes(15)),
            "Takes the snapshots of the hour, and copies what is complete",
        )
        self.prune = JobFunction(
            self,
            "Prune",
            handler="snapshot_job.handler.prune",
            description="Deletes the snapshots that the policy no longer keeps",
            log_group=log_group,
            environment=variables,
        )
        self._let_prune(copy)
        self.prune.every(
            scheduler.ScheduleExpression.rate(cdk.Duration.hours(6)),
            "Deletes the snapshots that the policy no longer keeps",
        )

    def _let_take(self, copy: Copy | None) -> None:
        stack = cdk.Stack.of(self)
        own = f"arn:aws:ec2:{stack.region}:{stack.account}"
        snapshots = f"arn:aws:ec2:{stack.region}::snapshot/*"
        tagged = self._own("aws:RequestTag", SET_TAG)
        role = self.take.role
        for actions, resources, conditions in (
            (
                ["ec2:DescribeVolumes", "ec2:DescribeInstances", "ec2:DescribeSnapshots"],
                ["*"],
                {},
            ),
            (
                ["ec2:CreateSnapshot", "ec2:CreateSnapshots"],
                [f"{own}:volume/*"],
                self._own("aws:ResourceTag", VOLUME_TAG),
            ),
            (["ec2:CreateSnapshots"], [f"{own}:instance/*"], {}),
            (["ec2:CreateSnapshot", "ec2:CreateSnapshots"], [snapshots], tagged),
            (
                ["ec2:CreateTags"],
                [snapshots],
                {"StringEquals": {"ec2:CreateAction": ["CreateSnapshot", "CreateSnapshots"]}},
            ),
        ):
            role.add_to_policy(
                iam.PolicyStatement(actions=actions, resources=resources, conditions=conditions)
            )
        acknowledge(
            role,
            {
                "AwsSolutions-IAM5[Resource::*]": "The Describe calls of Amazon EC2 and "
                "cloudwatch:PutMetricData know no resources (Service Authorization Reference); "
                "the metrics are limited by a condition to the namespace of the backups.",
                f"AwsSolutions-IAM5[Resource::{own}:volume/*]": "Which volumes are snapshotted is "
                "said by their tag, and a condition allows those alone.",
                f"AwsSolutions-IAM5[Resource::{own}:instance/*]": "Snapshots of one moment are "
                "asked of an instance, which is not known before it is started; its volumes are "
                "limited by their tag.",
                f"AwsSolutions-IAM5[Resource::{snapshots}]": "A snapshot has no id before it is "
                "made; conditions allow only those that carry the job's own tag.",
            },
        )

    def _own(self, key: str, tag: str) -> dict[str, dict[str, str]]:
        """Return the condition that something has the job's tag, whatever it says, and is of this
        environment."""
        return {
            "Null": {f"{key}/{tag}": "false"},
            "StringEquals": {f"{key}/{ENVIRONMENT_TAG}": self._environment_name},
        }

    def _let_publish(self) -> None:
        self.take.role.add_to_policy(
            iam.PolicyStatement(
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],
                conditions={"StringEquals": {"cloudwatch:namespace": self._namespace}},
            )
        )

    def _let_copy(self, copy: Copy, volume_key: kms.IKey) -> None:
        there = f"arn:aws:ec2:{copy.region}::snapshot/*"
        copying = {"StringEquals": {"ec2:CreateAction": "CopySnapshot"}}
        role = self.take.role
        for actions, resources, conditions in (
            (
                ["ec2:CopySnapshot"],
                [there],
                self._own("aws:RequestTag", SET_TAG),
            ),
            (
                ["ec2:CopySnapshot"],
                [f"arn:aws:ec2:{cdk.Stack.of(self).region}::snapshot/*"],
                self._own("aws:ResourceTag", SET_TAG),
            ),
            (["ec2:CreateTags"], [there], copying),
            # Read under one key and written under the other, by Amazon EBS on this role's behalf:
            # what its guide names for whoever copies an encrypted snapshot, on both keys.
            (
                [
                    *("kms:DescribeKey", "kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext"),
                    *("kms:ReEncryptFrom", "kms:ReEncryptTo"),
                ],
                [volume_key.key_arn, copy.key_arn],
                {},
            ),
            (
                ["kms:CreateGrant"],
                [volume_key.key_arn, copy.key_arn],
                {"Bool": {"kms:GrantIsForAWSResource": True}},
            ),
        ):
            role.add_to_policy(
                iam.PolicyStatement(actions=actions, resources=resources, conditions=conditions)
            )
        acknowledge(
            role,
            {
                f"AwsSolutions-IAM5[Resource::{there}]": "A copy has no id before it is made; "
                "conditions allow only those that carry the job's own tag.",
            },
        )

    def _let_prune(self, copy: Copy | None) -> None:
        regions = [cdk.Stack.of(self).region, *([copy.region] if copy else [])]
        role = self.prune.role
        role.add_to_policy(iam.PolicyStatement(actions=["ec2:DescribeSnapshots"], resources=["*"]))
        everything = [f"arn:aws:ec2:{region}::snapshot/*" for region in regions]
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["ec2:DeleteSnapshot"],
                resources=everything,
                conditions=self._own("aws:ResourceTag", SET_TAG),
            )
        )
        acknowledge(
            role,
            {
                "AwsSolutions-IAM5[Resource::*]": "ec2:DescribeSnapshots knows no resources "
                "(Service Authorization Reference, Amazon EC2); what may be deleted is limited to "
                "snapshots with the job's own tag.",
            }
            | {
                f"AwsSolutions-IAM5[Resource::{snapshots}]": "Snapshots are not known when this is "
                "deployed; a condition allows those that carry the job's own tag and no others."
                for snapshots in everything
            },
        )

"""AWS Backup of the managed stores, and restores of them that AWS makes to see that it can."""

from __future__ import annotations

import json

import aws_cdk as cdk
from aws_cdk import aws_backup as backup
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_rds as rds
from constructs import Construct

from mainstay.acknowledge import acknowledge
from mainstay.environment_names import own_name
from mainstay.interfaces import as_role, principal
from mainstay.network.network import Network

_POLICY = "service-role/AWSBackupServiceRolePolicyFor"
_NIGHTLY = events.Schedule.cron(minute="0", hour="4")
_WEEKLY = "cron(0 6 ? * SUN *)"


class BackupPlan(Construct):
    """Each night a recovery point of every cluster and of the session table into the vault, and a
    copy of it into the second Region's; each week the newest of each kind is restored.

    A restore test makes the resource, counts it as good when it comes up, and deletes it.
    `clusters` and `table` are physical names: a selection does not depend on the stores' stacks.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        vault: backup.BackupVault,
        copy_vault_arn: str | None,
        keep: cdk.Duration,
        clusters: tuple[str, ...],
        table: str,
        network: Network,
        zone_ids: tuple[str, ...],
    ) -> None:
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        of_clusters = [
            f"arn:aws:rds:{stack.region}:{stack.account}:cluster:{cluster}" for cluster in clusters
        ]
        of_table = f"arn:aws:dynamodb:{stack.region}:{stack.account}:table/{table}"
        self.plan = backup.BackupPlan(
            self, "Plan", backup_plan_name=own_name(self), backup_vault=vault
        )
        # A plan without its selections backs up nothing; what it made lies in the vault.
        self.plan.apply_removal_policy(cdk.RemovalPolicy.DESTROY)
        self.plan.add_rule(
            backup.BackupPlanRule(
                rule_name="nightly",
                schedule_expression=_NIGHTLY,
                start_window=cdk.Duration.hours(1),
                completion_window=cdk.Duration.hours(12),
                delete_after=keep,
                copy_actions=self._copies(copy_vault_arn, keep),
            )
        )
        self.role = self._role()
        self.plan.add_selection(
            "Stores",
            role=as_role(self.role),
            resources=[backup.BackupResource.from_arn(arn) for arn in (*of_clusters, of_table)],
        )
        self._test_restores(name, vault, of_clusters, of_table, network, zone_ids)

    @property
    def plain_role_arn(self) -> str:
        """Return the role's ARN as another Region reads it: the L2's own is no plain reference."""
        role = self.role.node.default_child
        assert isinstance(role, iam.CfnRole)
        return role.attr_arn

    def _copies(
        self, vault_arn: str | None, keep: cdk.Duration
    ) -> list[backup.BackupPlanCopyActionProps]:
        if vault_arn is None:
            return []
        vault = backup.BackupVault.from_backup_vault_arn(self, "Copies", vault_arn)
        return [backup.BackupPlanCopyActionProps(destination_backup_vault=vault, delete_after=keep)]

    def _role(self) -> iam.Role:
        names = [f"{_POLICY}{act}" for act in ("Backup", "Restores")]
        role = iam.Role(
            self,
            "Role",
            assumed_by=principal("backup.amazonaws.com"),
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(n) for n in names],
        )
        acknowledge(
            role,
            {
                f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{name}]": "AWS "
                "Backup publishes this policy as what its service role needs, and extends it when "
                "it learns to back up more; a copy of ours would break restores on that day."
                for name in names
            },
        )
        return role

    def _test_restores(
        self,
        name: str,
        vault: backup.BackupVault,
        clusters: list[str],
        table: str,
        network: Network,
        zone_ids: tuple[str, ...],
    ) -> None:
        subnets = rds.SubnetGroup(
            self,
            "Subnets",
            description="Where restored clusters stand while they are tested",
            vpc=network.vpc,
            vpc_subnets=network.data_subnets(zone_ids),
        )
        plan = backup.CfnRestoreTestingPlan(  # no L2 exists
            self,
            "Tests",
            restore_testing_plan_name=name.replace("-", "_"),
            schedule_expression=_WEEKLY,
            start_window_hours=8,
            recovery_point_selection=backup.CfnRestoreTestingPlan.RestoreTestingRecoveryPointSelectionProperty(
                algorithm="LATEST_WITHIN_WINDOW",
                include_vaults=[vault.backup_vault_arn],
                recovery_point_types=["SNAPSHOT"],
                selection_window_days=7,
            ),
        )
        for kind, arns, overrides in (
            (
                "Aurora",
                clusters,
                {
                    "dbsubnetgroupname": subnets.subnet_group_name,
                    "vpcsecuritygroupids": json.dumps([_id(network.security_groups.data)]),
                },
            ),
            ("DynamoDB", [table], {}),
        ):
            backup.CfnRestoreTestingSelection(
                self,
                kind,
                restore_testing_plan_name=plan.ref,
                restore_testing_selection_name=f"{name.replace('-', '_')}_{kind.lower()}",
                protected_resource_type=kind,
                protected_resource_arns=arns,
                iam_role_arn=self.role.role_arn,
                restore_metadata_overrides=overrides or None,
                validation_window_hours=1,
            )


def _id(group: ec2.ISecurityGroup) -> str:
    return group.security_group_id

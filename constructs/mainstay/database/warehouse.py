"""A warehouse for reports: Amazon Redshift Serverless, asked through its Data API."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_redshiftserverless as redshift
from constructs import Construct

from mainstay.acknowledge import acknowledge, acknowledge_inline_policy
from mainstay.database.user_secret import MASTER_USER, master_secret_name, user_secret
from mainstay.functions.job_function import JobFunction
from mainstay.network.network import Network

DATABASE = "reporting"

# How the warehouse must be set up: identifiers keep their case, which an integration demands, and
# no connection goes without TLS.
_SETTINGS = {"enable_case_sensitive_identifier": "true", "require_ssl": "true"}

_OWN_STATEMENTS = (
    "redshift-data:DescribeStatement and GetStatementResult, which say how a statement has ended, "
    "know no resources (Service Authorization Reference, Amazon Redshift Data API); they answer "
    "for the caller's own statements alone."
)


class RedshiftWarehouse(Construct):
    """A namespace, which holds the data, and the workgroup that computes over it.

    No L2 exists. Nothing reaches it over the network: reports go through the Data API, so no
    security group opens its port. `name` is physical, as both types demand. It cannot be protected
    against deletion; its stack is, and the namespace is retained. `copies` are Region -> ARN of
    the key there: every snapshot is copied and kept for `copy_retention_days`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        network: Network,
        zone_ids: tuple[str, ...],
        key: kms.IKey,
        base_rpu: int,
        max_rpu: int,
        copies: dict[str, str],
        copy_retention_days: int,
        source_arn: str | None,
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        self.name, self.key = name, key
        self.readers: JobFunction | None = None  # what keeps them, once it is there
        # CloudFormation does not tell the secret that Redshift would keep, hence one of ours.
        self.secret = user_secret(
            self,
            "Secret",
            name=master_secret_name(name),
            user=MASTER_USER,
            key=key,
            copies={},
            removal_policy=removal_policy,
        )
        self.namespace = redshift.CfnNamespace(
            self,
            "Namespace",
            namespace_name=name,
            db_name=DATABASE,
            admin_username=MASTER_USER,
            admin_user_password=self.secret.secret_value_from_json("password").unsafe_unwrap(),
            kms_key_id=key.key_arn,
            log_exports=["userlog", "connectionlog", "useractivitylog"],
            snapshot_copy_configurations=[
                redshift.CfnNamespace.SnapshotCopyConfigurationProperty(
                    destination_region=region,
                    destination_kms_key_id=key_arn,
                    snapshot_retention_period=copy_retention_days,
                )
                for region, key_arn in copies.items()
            ]
            or None,
            namespace_resource_policy=source_arn and _admits(source_arn, self),
        )
        self.namespace.apply_removal_policy(removal_policy)
        self.workgroup = redshift.CfnWorkgroup(
            self,
            "Workgroup",
            workgroup_name=name,
            namespace_name=self.namespace.ref,
            base_capacity=base_rpu,
            max_capacity=max_rpu,
            config_parameters=[
                redshift.CfnWorkgroup.ConfigParameterProperty(
                    parameter_key=setting, parameter_value=value
                )
                for setting, value in _SETTINGS.items()
            ],
            enhanced_vpc_routing=True,  # loads and unloads stay in the network
            publicly_accessible=False,
            subnet_ids=[network.data_subnet(zone_id).subnet_id for zone_id in zone_ids],
            security_group_ids=[network.security_groups.data.security_group_id],
        )

    @property
    def readers_path(self) -> str:
        """Return the path in IAM of the roles that may ask reports, of both Regions."""
        return f"/{self.name}/"

    def grant_query(self, grantee: iam.IRole) -> dict[str, str]:
        """Ask reports, as the user of one's role. Returns the grantee's variables.

        The role is moved to a path, by which `ReportReaders` finds it: its name is made by
        CloudFormation, later than the warehouse.
        """
        role = grantee.node.default_child
        assert isinstance(role, iam.CfnRole)
        role.path = self.readers_path
        self._grant(
            grantee, ["redshift-data:ExecuteStatement", "redshift-serverless:GetCredentials"]
        )
        acknowledge_inline_policy(grantee)
        acknowledge(grantee, {"AwsSolutions-IAM5[Resource::*]": _OWN_STATEMENTS})
        return {"REPORTING_WORKGROUP": self.name, "REPORTING_DATABASE": DATABASE}

    def grant_administer(self, grantee: iam.IRole, *, more: str = "") -> None:
        """Run statements as the administrator; `more` is why else a statement has no resource."""
        self._grant(grantee, ["redshift-data:ExecuteStatement"])
        self.secret.grant_read(grantee)
        # The key is sealed: it grants nothing by itself, and neither does the secret's own grant.
        self.key.grant_decrypt(grantee)
        acknowledge(grantee, {"AwsSolutions-IAM5[Resource::*]": _OWN_STATEMENTS + more})

    def _grant(self, grantee: iam.IRole, actions: list[str]) -> None:
        for some, resource in (
            (actions, self.workgroup.attr_workgroup_workgroup_arn),
            (["redshift-data:DescribeStatement", "redshift-data:GetStatementResult"], "*"),
        ):
            iam.Grant.add_to_principal(grantee=grantee, actions=some, resource_arns=[resource])

    @property
    def namespace_arn(self) -> str:
        return self.namespace.attr_namespace_namespace_arn


def _admits(source_arn: str, scope: Construct) -> dict:
    """The policy by which a namespace lets one cluster, and only this account, integrate with it.

    Amazon Redshift Management Guide, "Configure authorization for your data warehouse".
    """
    account = cdk.Stack.of(scope).account
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "redshift.amazonaws.com"},
                "Action": "redshift:AuthorizeInboundIntegration",
                "Condition": {"StringEquals": {"aws:SourceArn": source_arn}},
            },
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
                "Action": "redshift:CreateInboundIntegration",
            },
        ],
    }

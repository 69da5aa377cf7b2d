"""The session store: one table in every Region, written in each of them."""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from mainstay.acknowledge import acknowledge_inline_policy

VARIABLE = "SESSION_TABLE"
EXPIRES = "expires"  # when an item is of no use any more, in seconds since 1970


class SessionTable(Construct):
    """A global table without a schema but for its key, so it has nothing to migrate.

    `table_name` is physical: every Region's app tier knows its own replica by it, with no word to
    the Region where the table was made. Writes in one Region reach the others in about a second,
    and the last one wins; what must not lag, such as a revoked session, is checked in the entity
    store. Strong consistency is not chosen, for it excludes expiry.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        table_name: str,
        key: kms.IKey,
        replica_key_arns: dict[str, str],
        max_read_units: int,
        max_write_units: int,
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        protected = removal_policy == cdk.RemovalPolicy.RETAIN
        self.table = dynamodb.TableV2(
            self,
            "Table",
            table_name=table_name,
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            time_to_live_attribute=EXPIRES,
            billing=dynamodb.Billing.on_demand(
                max_read_request_units=max_read_units, max_write_request_units=max_write_units
            ),
            encryption=dynamodb.TableEncryptionV2.customer_managed_key(key, replica_key_arns),
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=protected,
            removal_policy=removal_policy,
            replicas=[
                dynamodb.ReplicaTableProps(region=region, deletion_protection=protected)
                for region in replica_key_arns
            ],
        )


@dataclass(frozen=True, kw_only=True)
class SessionReplica:
    """The table as one Region's servers reach it: by its name, which is the same in all of them."""

    table_name: str
    table_arn: str  # in that Region
    key: kms.IKey

    def grant_use(self, grantee: iam.IRole) -> dict[str, str]:
        """Allow items by their keys, or by a query of one, and no scan; return the variables.

        Nothing is deleted: what is over leaves by its expiry.
        """
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=[
                "dynamodb:GetItem",
                "dynamodb:BatchGetItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
                "dynamodb:UpdateItem",
            ],
            resource_arns=[self.table_arn],
        )
        # DynamoDB opens the table's key in the name of whoever asks.
        self.key.grant(grantee, "kms:Decrypt", "kms:DescribeKey")
        acknowledge_inline_policy(grantee)
        return {VARIABLE: self.table_name}

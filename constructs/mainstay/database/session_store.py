"""The session store: one table in every Region, written in each of them."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

EXPIRES = "expires"  # when an item is of no use any more, in seconds since 1970


class SessionStore(Construct):
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

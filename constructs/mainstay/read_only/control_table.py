"""The mode of a Region, the lock and journal of its upgrades, and who has obeyed."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

# Where a function or a container finds the table; read by the package `control_table`.
VARIABLE = "CONTROL_TABLE"

# An item of the table may be about any of these; the first word of its key `pk` says which.
_MODE, _ACKNOWLEDGEMENT, _LOCK, _JOURNAL = "mode", "ack", "lock", "journal#*"

_READ = ("dynamodb:GetItem", "dynamodb:Query")
_WRITE = ("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem")


def hold_statements(table_arn: str) -> list[iam.PolicyStatement]:
    """Read mode and lock, and lay a hold over the mode: for whoever may enter READ_ONLY alone.

    Of the mode's item only `held` and the epoch can be written, and nothing can be put or
    deleted: whatever code has these rights, it cannot write `mode`, nor over anybody's READ_ONLY.
    By ARN, for a hold is laid in every Region at once.
    """
    keys = "dynamodb:LeadingKeys"
    return [
        iam.PolicyStatement(
            actions=["dynamodb:GetItem"],
            resources=[table_arn],
            conditions={"ForAllValues:StringEquals": {keys: [_MODE, _LOCK]}},
        ),
        iam.PolicyStatement(
            actions=["dynamodb:UpdateItem"],
            resources=[table_arn],
            conditions={
                "ForAllValues:StringEquals": {
                    keys: [_MODE],
                    "dynamodb:Attributes": ["pk", "sk", "epoch", "held"],
                },
                # Otherwise an update could answer with what may not be written.
                "StringEqualsIfExists": {"dynamodb:ReturnValues": ["NONE"]},
            },
        ),
    ]


class ControlTable(Construct):
    """Each Region has its own, and none is replicated: a wrong write reaches one Region alone.

    CloudFormation makes the table and never an item in it, so no deploy can flip a mode or free a
    lock. The grants return the variables that the grantee needs, `CONTROL_TABLE` alone.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, removal_policy: cdk.RemovalPolicy
    ) -> None:
        super().__init__(scope, construct_id)
        self.table = dynamodb.TableV2(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            # A poll each two seconds of every task: a few dozen reads a second, and a write now
            # and then. Capacity on demand has no ceiling that an incident could find.
            billing=dynamodb.Billing.on_demand(),
            # No key of ours: a mode is no secret, and its last line of defence should not stop
            # when AWS KMS does. DynamoDB encrypts at rest in any case.
            encryption=dynamodb.TableEncryptionV2.dynamo_owned_key(),
            time_to_live_attribute="expires",
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=removal_policy == cdk.RemovalPolicy.RETAIN,
            removal_policy=removal_policy,
        )

    @property
    def table_name(self) -> str:
        """The L2's own name is worked out of its ARN, which no weak reference can be."""
        resource = self.table.node.default_child
        assert isinstance(resource, dynamodb.CfnGlobalTable)
        return resource.ref

    def grant_follow_mode(self, grantee: iam.IGrantable) -> dict[str, str]:
        """Read the mode and acknowledge it: for everything that obeys. Returns its variables."""
        self._grant(grantee, ("dynamodb:GetItem",), _MODE)
        self._grant(grantee, ("dynamodb:PutItem",), _ACKNOWLEDGEMENT)
        return self._variables

    def grant_change_mode(self, grantee: iam.IGrantable) -> dict[str, str]:
        """Change the mode, and read who has obeyed: for whoever flips. Returns its variables."""
        self._grant(grantee, ("dynamodb:GetItem", "dynamodb:PutItem"), _MODE)
        self._grant(grantee, ("dynamodb:Query",), _ACKNOWLEDGEMENT)
        return self._variables

    def grant_upgrade(self, grantee: iam.IGrantable) -> dict[str, str]:
        """Hold the lock and keep the journal of an upgrade. Returns the grantee's variables."""
        self._grant(grantee, (*_READ, *_WRITE), _LOCK, _JOURNAL)
        return self._variables

    @property
    def _variables(self) -> dict[str, str]:
        return {VARIABLE: self.table.table_name}

    def _grant(self, grantee: iam.IGrantable, actions: tuple[str, ...], *items: str) -> None:
        """These actions, on items whose partition key is one of these and on no other."""
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=list(actions),
            resource_arns=[self.table.table_arn],
            conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(items)}},
        )

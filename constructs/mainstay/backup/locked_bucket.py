"""A bucket whose objects nobody can delete before their time, and its double in another Region."""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from mainstay.acknowledge import acknowledge, acknowledge_inline_policy
from mainstay.interfaces import as_role, principal


@dataclass(frozen=True, kw_only=True)
class Double:
    """The bucket in the other Region that takes every object, and its key there."""

    bucket_name: str  # physical: a policy cannot name what lies behind another Region's output
    key_arn: str


class LockedBucket(Construct):
    """Versions, Object Lock, a key of ours, TLS alone; with a `double`, every object twice.

    A writer says of each object how long it is locked, in compliance mode: not even the account's
    root can delete it before. With `locked` False there is no Object Lock, and a destroy empties
    the bucket: for environments that keep nothing. Deletions are not replicated.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        key: kms.IKey,
        locked: bool,
        access_logs: s3.IBucket,
        double: Double | None,
        rules: list[s3.LifecycleRule],
    ) -> None:
        super().__init__(scope, construct_id)
        self._key = key
        policy = cdk.RemovalPolicy.RETAIN if locked else cdk.RemovalPolicy.DESTROY
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            versioned=True,
            object_lock_enabled=locked or None,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[
                *rules,
                s3.LifecycleRule(
                    id="leftovers",
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
                    # A lock ends later where it is longer: S3 deletes no locked version.
                    noncurrent_version_expiration=cdk.Duration.days(7),
                ),
            ],
            removal_policy=policy,
            auto_delete_objects=not locked,
        )
        resource = self.bucket.node.default_child
        assert isinstance(resource, s3.CfnBucket)
        # L1: the L2 would write into the policy of a bucket of a stack below; that bucket's own
        # stack lets Amazon S3 write there.
        resource.logging_configuration = s3.CfnBucket.LoggingConfigurationProperty(
            destination_bucket_name=access_logs.bucket_name,
            log_file_prefix="backups/",
        )
        if double is not None:
            self._replicate(double)
        else:
            acknowledge(
                self.bucket,
                {
                    "NIST.800.53.R5-S3BucketReplicationEnabled": "This bucket is the end of the "
                    "line: it takes the other Region's objects, or stands in an environment of "
                    "one Region that keeps nothing.",
                },
            )

    def _replicate(self, double: Double) -> None:
        role = iam.Role(self, "Replication", assumed_by=principal("s3.amazonaws.com"))
        for actions, resource in (
            (["s3:GetReplicationConfiguration", "s3:ListBucket"], self.bucket.bucket_arn),
            (
                [
                    *("s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl"),
                    # Without these two a locked object is not replicated (Amazon S3 User Guide,
                    # "Using Object Lock with S3 replication").
                    *("s3:GetObjectRetention", "s3:GetObjectLegalHold"),
                    "s3:GetObjectVersionTagging",
                ],
                self.bucket.arn_for_objects("*"),
            ),
            (["s3:ReplicateObject", "s3:ReplicateTags"], f"arn:aws:s3:::{double.bucket_name}/*"),
            (["kms:Decrypt"], self._key.key_arn),
            (["kms:Encrypt"], double.key_arn),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[resource]))
        acknowledge_inline_policy(role)
        resource = self.bucket.node.default_child
        assert isinstance(resource, s3.CfnBucket)
        stack = cdk.Stack.of(self)
        acknowledge(
            role,
            {
                f"AwsSolutions-IAM5[Resource::<{stack.get_logical_id(resource)}.Arn>/*]": "Every "
                "object of the one bucket is replicated, so every object of it is read; whoever "
                "replicates can neither delete nor write here.",
                f"AwsSolutions-IAM5[Resource::arn:aws:s3:::{double.bucket_name}/*]": "Every object "
                "is replicated under its own name into the one bucket of the other Region; the "
                "role can add there and can delete nothing.",
            },
        )
        # L1: the L2's own role lacks what Object Lock needs, and its rule cannot be given another.
        resource.replication_configuration = s3.CfnBucket.ReplicationConfigurationProperty(
            role=as_role(role).role_arn,
            rules=[
                s3.CfnBucket.ReplicationRuleProperty(
                    id="everything",
                    status="Enabled",
                    priority=1,
                    filter=s3.CfnBucket.ReplicationRuleFilterProperty(prefix=""),
                    delete_marker_replication=s3.CfnBucket.DeleteMarkerReplicationProperty(
                        status="Disabled"  # what is deleted here, by whomever, stays there
                    ),
                    source_selection_criteria=s3.CfnBucket.SourceSelectionCriteriaProperty(
                        sse_kms_encrypted_objects=s3.CfnBucket.SseKmsEncryptedObjectsProperty(
                            status="Enabled"
                        )
                    ),
                    destination=s3.CfnBucket.ReplicationDestinationProperty(
                        bucket=f"arn:aws:s3:::{double.bucket_name}",
                        encryption_configuration=s3.CfnBucket.EncryptionConfigurationProperty(
                            replica_kms_key_id=double.key_arn
                        ),
                    ),
                )
            ],
        )

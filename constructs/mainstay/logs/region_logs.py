"""Where a Region's logs are kept: encrypted, bounded in time, and outliving what writes them."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from mainstay.acknowledge import acknowledge
from mainstay.interfaces import principal


class RegionLogs(Construct):
    """The logs of balancers, firewall, network, tiers, functions and databases.

    `clusters` are the Region's database clusters: the id of a log group, and the cluster's name.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment_name: str,
        clusters: dict[str, str],
        retention_days: int,
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        self._retention_days = retention_days
        self._removal_policy = removal_policy
        self._key = kms.Key(
            self,
            "Key",
            description="Encrypts the logs of this Region",
            enable_key_rotation=True,
            removal_policy=removal_policy,
        )
        self._let_cloudwatch_use(self._key)
        self.flows = self._group("Flows")
        self.edge = self._group("Edge")
        self.app = self._group("App")
        # AWS WAF writes only to groups whose name begins so (Developer Guide, "CloudWatch Logs").
        self.firewall = self._group("Firewall", f"aws-waf-logs-mainstay-{environment_name}")
        self.functions = self._group("Functions")
        databases = Construct(self, "Databases")
        for name, cluster in clusters.items():
            # Where Amazon RDS writes a cluster's log; it would make the group without key or end.
            self._group(name, f"/aws/rds/cluster/{cluster}/postgresql", scope=databases)
        self.access = self._access_bucket()

    def _group(
        self, name: str, physical_name: str | None = None, *, scope: Construct | None = None
    ) -> logs.LogGroup:
        return logs.LogGroup(
            scope or self,
            name,
            log_group_name=physical_name,
            encryption_key=self._key,
            retention=_retention(self._retention_days),
            removal_policy=self._removal_policy,
        )

    def _let_cloudwatch_use(self, key: kms.Key) -> None:
        stack = cdk.Stack.of(self)
        every_group = stack.format_arn(
            service="logs",
            resource="log-group",
            resource_name="*",
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[principal(f"logs.{stack.region}.amazonaws.com")],
                actions=["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*"],
                resources=["*"],  # in a key's policy, the key itself
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": every_group}},
            )
        )

    def _access_bucket(self) -> s3.Bucket:
        kept = self._removal_policy == cdk.RemovalPolicy.RETAIN
        bucket = s3.Bucket(
            self,
            "Access",
            encryption=s3.BucketEncryption.S3_MANAGED,  # balancers cannot write with a KMS key
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            versioned=True,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=cdk.Duration.days(self._retention_days),
                    noncurrent_version_expiration=cdk.Duration.days(1),
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
                )
            ],
            removal_policy=self._removal_policy,
            auto_delete_objects=not kept,
        )
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[principal("logging.s3.amazonaws.com")],
                actions=["s3:PutObject"],
                resources=[bucket.arn_for_objects("backups/*")],
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}},
            )
        )
        no_log_of_the_log = (
            "This bucket is where access logs are written; a log of reading the logs into itself "
            "would grow without end, and S3 data events in CloudTrail record who reads them."
        )
        acknowledge(
            bucket,
            {
                "AwsSolutions-S1": no_log_of_the_log,
                "NIST.800.53.R5-S3BucketLoggingEnabled": no_log_of_the_log,
                "NIST.800.53.R5-S3BucketReplicationEnabled": "The logs describe this Region's "
                "traffic alone and no restore depends on them; each Region keeps its own, so that "
                "a failure of one cannot stop the other's logging.",
                "NIST.800.53.R5-S3DefaultEncryptionKMS": "Elastic Load Balancing writes access "
                "logs only to buckets encrypted with Amazon S3 managed keys (ELB User Guide, "
                "'Access logs for your Application Load Balancer').",
            },
        )
        return bucket


def _retention(days: int) -> logs.RetentionDays:
    names = {
        1: "ONE_DAY",
        3: "THREE_DAYS",
        5: "FIVE_DAYS",
        7: "ONE_WEEK",
        14: "TWO_WEEKS",
        30: "ONE_MONTH",
        60: "TWO_MONTHS",
        90: "THREE_MONTHS",
        120: "FOUR_MONTHS",
        150: "FIVE_MONTHS",
        180: "SIX_MONTHS",
        365: "ONE_YEAR",
    }
    if days not in names:
        raise ValueError(f"'retention_days' should be one of {sorted(names)}, got {days}")
    return logs.RetentionDays[names[days]]

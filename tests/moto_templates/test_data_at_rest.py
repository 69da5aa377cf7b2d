"""Logs, their bucket and the keys, as their APIs tell them after production was created in moto."""

import json

import pytest

from config.environments import PRODUCTION
from tests.moto_templates.api_shapes import missing
from tests.moto_templates.deployment import client


@pytest.fixture(params=[region.name for region in PRODUCTION.regions])
def bucket(deployed, request):
    return deployed.named(request.param, "logs", "LogsAccess")


def _read(bucket, call: str) -> dict:
    return getattr(client("s3", bucket.region), call)(Bucket=bucket.ref)


def test_every_log_group_is_encrypted_with_a_key_of_its_region_and_kept_as_configured(deployed):
    for group in deployed.of_type("AWS::Logs::LogGroup"):
        logs = client("logs", group.region)
        (found,) = logs.describe_log_groups(logGroupNamePrefix=group.ref)["logGroups"]
        assert found["retentionInDays"] == PRODUCTION.log_retention_days
        key = deployed.named(group.region, "logs", "LogsKey")
        assert found["kmsKeyId"] == key.attributes["Arn"]
        assert client("kms", group.region).describe_key(KeyId=key.ref)["KeyMetadata"]["Enabled"]


def test_every_key_that_encrypts_is_rotated(deployed):
    for key in deployed.of_type("AWS::KMS::Key"):
        if key.properties.get("KeyUsage") != "SIGN_VERIFY":
            answer = client("kms", key.region).get_key_rotation_status(KeyId=key.ref)
            assert answer["KeyRotationEnabled"]


def test_cloudwatch_logs_may_use_the_key_of_its_region(deployed):
    for region in PRODUCTION.regions:
        key = deployed.named(region.name, "logs", "LogsKey")
        kms = client("kms", region.name)
        policy = json.loads(kms.get_key_policy(KeyId=key.ref, PolicyName="default")["Policy"])
        users = [statement["Principal"].get("Service") for statement in policy["Statement"]]
        assert f"logs.{region.name}.amazonaws.com" in users


def test_the_zone_signs_with_an_elliptic_curve_key_in_us_east_1(deployed):
    """Route 53 takes no other (Route 53 Developer Guide, DNSSEC); moto cannot sign with it."""
    (key,) = [
        key
        for key in deployed.of_type("AWS::KMS::Key")
        if key.properties.get("KeyUsage") == "SIGN_VERIFY"
    ]
    found = client("kms", "us-east-1").describe_key(KeyId=key.ref)["KeyMetadata"]
    assert (key.region, found["KeySpec"]) == ("us-east-1", "ECC_NIST_P256")


def test_the_control_table_is_kept_recoverable_and_forgets_what_expired(deployed):
    for region in PRODUCTION.regions:
        table = deployed.named(region.name, "control", "ControlTable")
        dynamodb = client("dynamodb", region.name)
        assert dynamodb.describe_table(TableName=table.ref)["Table"]["DeletionProtectionEnabled"]
        backups = dynamodb.describe_continuous_backups(TableName=table.ref)
        recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
        expiry = dynamodb.describe_time_to_live(TableName=table.ref)["TimeToLiveDescription"]
        assert (expiry["TimeToLiveStatus"], expiry["AttributeName"]) == ("ENABLED", "expires")


def test_the_bucket_is_encrypted_and_versioned(bucket):
    (rule,) = _read(bucket, "get_bucket_encryption")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert _read(bucket, "get_bucket_versioning")["Status"] == "Enabled"


def test_nobody_outside_may_read_the_bucket(bucket):
    block = _read(bucket, "get_public_access_block")["PublicAccessBlockConfiguration"]
    assert block == dict.fromkeys(
        ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
    )
    (rule,) = _read(bucket, "get_bucket_ownership_controls")["OwnershipControls"]["Rules"]
    assert rule["ObjectOwnership"] == "BucketOwnerEnforced"


def test_what_the_bucket_holds_expires_as_configured(bucket):
    (rule,) = _read(bucket, "get_bucket_lifecycle_configuration")["Rules"]
    assert rule["Expiration"] == {"Days": PRODUCTION.log_retention_days}
    assert rule["Status"] == "Enabled"


def test_the_bucket_refuses_requests_without_tls(bucket):
    policy = json.loads(_read(bucket, "get_bucket_policy")["Policy"])
    (denial,) = [one for one in policy["Statement"] if one["Effect"] == "Deny"]
    assert denial["Principal"] in ("*", {"AWS": "*"})
    assert denial["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    arn = f"arn:aws:s3:::{bucket.ref}"
    assert sorted(denial["Resource"]) == [arn, f"{arn}/*"]


def test_each_bucket_policy_reads_back_as_it_was_sent(deployed):
    for policy in deployed.of_type("AWS::S3::BucketPolicy"):
        answer = client("s3", policy.region).get_bucket_policy(Bucket=policy.sent["Bucket"])
        assert missing({"Policy": policy.sent["Policy"]}, answer) == []


def test_both_load_balancers_of_the_region_may_write_their_logs(deployed, bucket):
    policy = json.dumps(_read(bucket, "get_bucket_policy")["Policy"])
    balancers = [
        one
        for one in deployed.of_type("AWS::ElasticLoadBalancingV2::LoadBalancer")
        if one.region == bucket.region
    ]
    for balancer in balancers:
        attributes = {
            one["Key"]: one["Value"] for one in balancer.properties["LoadBalancerAttributes"]
        }
        assert attributes["access_logs.s3.bucket"] == bucket.ref
        assert f"{bucket.ref}/{attributes['access_logs.s3.prefix']}/AWSLogs/" in policy
    assert len(balancers) == 2


def test_queues_are_reached_over_tls_alone(deployed):
    policies = list(deployed.of_type("AWS::SQS::QueuePolicy"))
    assert len(policies) == 2 * len(PRODUCTION.regions)
    for policy in policies:
        answer = client("sqs", policy.region).get_queue_attributes(
            QueueUrl=policy.ref, AttributeNames=["Policy"]
        )
        statements = json.loads(answer["Attributes"]["Policy"])["Statement"]
        assert any(
            statement["Effect"] == "Deny"
            and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            for statement in statements
        )

"""Logs, their bucket and the keys, by the APIs of the deployed production."""

import json

import pytest

from config.environments import PRODUCTION


@pytest.fixture(params=[region.name for region in PRODUCTION.regions])
def bucket(deployed, request):
    return deployed.named(request.param, "logs", "LogsAccess")


@pytest.fixture
def read(deployed, bucket):
    """Return `read("get_bucket_policy")`: what Amazon S3 answers of the bucket."""
    return lambda call: getattr(deployed.client("s3", bucket.region), call)(Bucket=bucket.ref)


def test_every_log_group_is_encrypted_with_a_key_of_its_region_and_kept_as_configured(deployed):
    for group in deployed.of_type("AWS::Logs::LogGroup"):
        logs = deployed.client("logs", group.region)
        (found,) = logs.describe_log_groups(logGroupNamePrefix=group.ref)["logGroups"]
        assert found["retentionInDays"] == PRODUCTION.log_retention_days
        key = deployed.named(group.region, "logs", "LogsKey").ref
        known = deployed.client("kms", group.region).describe_key(KeyId=key)["KeyMetadata"]
        assert (known["Arn"], known["Enabled"]) == (found["kmsKeyId"], True)


def test_every_key_that_encrypts_is_rotated(deployed):
    for key in deployed.of_type("AWS::KMS::Key"):
        if key.properties.get("KeyUsage") != "SIGN_VERIFY":
            answer = deployed.client("kms", key.region).get_key_rotation_status(KeyId=key.ref)
            assert answer["KeyRotationEnabled"]


def test_cloudwatch_logs_may_use_the_key_of_its_region(deployed):
    for region in PRODUCTION.regions:
        key = deployed.named(region.name, "logs", "LogsKey")
        kms = deployed.client("kms", region.name)
        policy = json.loads(kms.get_key_policy(KeyId=key.ref, PolicyName="default")["Policy"])
        users = [statement["Principal"].get("Service") for statement in policy["Statement"]]
        assert f"logs.{region.name}.amazonaws.com" in users


def test_the_zone_signs_with_an_elliptic_curve_key_in_us_east_1(deployed):
    """Route 53 takes no other (Route 53 Developer Guide, DNSSEC)."""
    (key,) = [
        key
        for key in deployed.of_type("AWS::KMS::Key")
        if key.properties.get("KeyUsage") == "SIGN_VERIFY"
    ]
    found = deployed.client("kms", "us-east-1").describe_key(KeyId=key.ref)["KeyMetadata"]
    assert (key.region, found["KeySpec"]) == ("us-east-1", "ECC_NIST_P256")


def test_the_control_table_is_kept_recoverable_and_forgets_what_expired(deployed):
    for region in PRODUCTION.regions:
        table = deployed.named(region.name, "control", "ControlTable")
        dynamodb = deployed.client("dynamodb", region.name)
        assert dynamodb.describe_table(TableName=table.ref)["Table"]["DeletionProtectionEnabled"]
        backups = dynamodb.describe_continuous_backups(TableName=table.ref)
        recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
        expiry = dynamodb.describe_time_to_live(TableName=table.ref)["TimeToLiveDescription"]
        assert (expiry["TimeToLiveStatus"], expiry["AttributeName"]) == ("ENABLED", "expires")


def test_the_bucket_is_encrypted_and_versioned(read):
    (rule,) = read("get_bucket_encryption")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert read("get_bucket_versioning")["Status"] == "Enabled"


def test_nobody_outside_may_read_the_bucket(read):
    block = read("get_public_access_block")["PublicAccessBlockConfiguration"]
    assert block == dict.fromkeys(
        ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
    )
    (rule,) = read("get_bucket_ownership_controls")["OwnershipControls"]["Rules"]
    assert rule["ObjectOwnership"] == "BucketOwnerEnforced"


def test_what_the_bucket_holds_expires_as_configured(read):
    (rule,) = read("get_bucket_lifecycle_configuration")["Rules"]
    assert rule["Expiration"] == {"Days": PRODUCTION.log_retention_days}
    assert rule["Status"] == "Enabled"


def test_the_bucket_refuses_requests_without_tls(bucket, read):
    policy = json.loads(read("get_bucket_policy")["Policy"])
    (denial,) = [one for one in policy["Statement"] if one["Effect"] == "Deny"]
    assert denial["Principal"] in ("*", {"AWS": "*"})
    assert denial["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    arn = f"arn:aws:s3:::{bucket.ref}"
    assert sorted(denial["Resource"]) == [arn, f"{arn}/*"]


def test_both_load_balancers_of_the_region_may_write_their_logs(deployed, bucket, read):
    policy = json.dumps(read("get_bucket_policy")["Policy"])
    balancers = [
        one
        for one in deployed.of_type("AWS::ElasticLoadBalancingV2::LoadBalancer")
        if one.region == bucket.region
    ]
    for balancer in balancers:
        elbv2 = deployed.client("elbv2", balancer.region)
        answer = elbv2.describe_load_balancer_attributes(LoadBalancerArn=balancer.ref)
        attributes = {one["Key"]: one["Value"] for one in answer["Attributes"]}
        assert attributes["access_logs.s3.bucket"] == bucket.ref
        assert f"{bucket.ref}/{attributes['access_logs.s3.prefix']}/AWSLogs/" in policy
    assert len(balancers) == 2


def test_queues_are_reached_over_tls_alone(deployed):
    policies = list(deployed.of_type("AWS::SQS::QueuePolicy"))
    assert len(policies) == 2 * len(PRODUCTION.regions)
    for policy in policies:
        [queue] = [deployed.resources[policy.stack, q["Ref"]] for q in policy.properties["Queues"]]
        answer = deployed.client("sqs", policy.region).get_queue_attributes(
            QueueUrl=queue.ref, AttributeNames=["Policy"]
        )
        statements = json.loads(answer["Attributes"]["Policy"])["Statement"]
        assert any(
            statement["Effect"] == "Deny"
            and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            for statement in statements
        )

"""What must survive: kept by deletion policies, protected stacks and encrypted stores."""

from __future__ import annotations

import pytest

STATEFUL_PARTS = {
    *("dns", "keys", "logs", "network", "control"),
    *("secrets", "entitya", "entityb", "entitycopy", "session", "transaction", "transactioncopy"),
    *("reporting", "delayed", "events", "backups"),
}

# Everything whose loss an edit must not cause, wherever it appears.
STATEFUL_TYPES = {
    "AWS::Backup::BackupVault",
    "AWS::CloudTrail::Trail",
    "AWS::Cognito::UserPool",
    "AWS::DynamoDB::GlobalTable",
    "AWS::DynamoDB::Table",
    "AWS::EC2::Volume",
    "AWS::ECR::Repository",
    "AWS::EFS::FileSystem",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::RDS::GlobalCluster",
    "AWS::RedshiftServerless::Namespace",
    "AWS::Route53::HostedZone",
    "AWS::S3::Bucket",
    "AWS::SecretsManager::Secret",
    "AWS::SQS::Queue",
}
KEPT = {"Retain", "RetainExceptOnCreate", "Snapshot"}


def stateful(system):
    for stack in system.stacks.values():
        for logical_id, resource in stack.resources.items():
            if resource["Type"] in STATEFUL_TYPES:
                yield stack, logical_id, resource


@pytest.mark.parametrize("environment", ["production", "small"])
def test_no_edit_deletes_what_is_stateful(systems, environment):
    found = list(stateful(systems(environment)))
    assert found
    for stack, logical_id, resource in found:
        where = f"{stack.name}: {logical_id}"
        assert resource.get("DeletionPolicy") in KEPT, where
        assert resource.get("UpdateReplacePolicy") in KEPT, where


def test_what_is_stateful_stands_in_stateful_stacks_alone(system):
    for stack, logical_id, _ in stateful(system):
        assert stack.name.rpartition("-")[2] in STATEFUL_PARTS, logical_id


@pytest.mark.parametrize("environment", ["production", "small"])
def test_stateful_stacks_cannot_be_deleted_by_accident(systems, environment):
    for name, stack in systems(environment).stacks.items():
        if name.rpartition("-")[2] in STATEFUL_PARTS:
            assert stack.termination_protection, name


def test_dev_can_be_destroyed_in_one_command(systems):
    system = systems("dev")
    for stack, logical_id, resource in stateful(system):
        assert resource["DeletionPolicy"] == "Delete", f"{stack.name}: {logical_id}"
    assert not any(stack.termination_protection for stack in system.stacks.values())


def test_logs_are_encrypted_with_a_key_that_is_renewed(system):
    for group in system.of_type("AWS::Logs::LogGroup"):
        key = system.resource(group.stack, group.properties["KmsKeyId"])
        assert key.properties["EnableKeyRotation"] is True


def test_logs_are_kept_as_long_as_configured(system):
    days = system.environment.log_retention_days
    for group in system.of_type("AWS::Logs::LogGroup"):
        assert group.properties["RetentionInDays"] == days
    for bucket in system.of_type("AWS::S3::Bucket"):
        if not bucket.stack.name.endswith("-logs"):
            continue
        [rule] = bucket.properties["LifecycleConfiguration"]["Rules"]
        assert rule["ExpirationInDays"] == days


def test_cloudwatch_alone_may_use_the_logs_key_and_for_logs_of_this_account(system):
    for key in system.of_type("AWS::KMS::Key"):
        if not key.stack.name.endswith("-logs"):
            continue
        _, statement = key.properties["KeyPolicy"]["Statement"]
        region, account = key.stack.region, system.environment.account
        assert statement["Principal"] == {"Service": f"logs.{region}.amazonaws.com"}
        assert statement["Condition"] == {
            "ArnLike": {
                "kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{region}:{account}:log-group:*"
            }
        }


def test_no_bucket_can_be_made_public(system):
    buckets = list(system.of_type("AWS::S3::Bucket"))
    assert buckets
    for bucket in buckets:
        assert set(bucket.properties["PublicAccessBlockConfiguration"].values()) == {True}
        assert "BucketEncryption" in bucket.properties
        assert bucket.properties["VersioningConfiguration"] == {"Status": "Enabled"}


def test_buckets_are_reached_over_tls_alone(system):
    for policy in system.of_type("AWS::S3::BucketPolicy"):
        statements = policy.properties["PolicyDocument"]["Statement"]
        assert any(
            statement["Effect"] == "Deny"
            and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            for statement in statements
        )

"""Edits of production's own templates that lose something although nothing is replaced."""

import copy
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from review.template_diff.stateful import STATEFUL_TYPES
from review.template_diff.verdicts import UNKNOWN, VERDICTS, harmed, kept_shorter, verdict

ROOT = Path(__file__).parents[2]
SNAPSHOTS = ROOT / "tests" / "snapshots"
SPECIFICATION = """
const { loadAwsServiceSpecSync } = require('@aws-cdk/aws-service-spec');
const db = loadAwsServiceSpecSync();
const found = {};
for (const type of JSON.parse(require('fs').readFileSync(0))) {
  const { properties } = db.lookup('resource', 'cloudFormationType', 'equals', type).only();
  found[type] = Object.fromEntries(
    Object.entries(properties).map(([name, p]) => [name, p.causesReplacement ?? 'no']));
}
process.stdout.write(JSON.stringify(found));
"""


@pytest.fixture(scope="module")
def golden():
    return {file.stem: json.loads(file.read_text()) for file in sorted(SNAPSHOTS.glob("*.json"))}


@pytest.fixture(scope="module")
def of_production(golden):
    """Type -> (stack, logical id) of each resource of production."""
    found = {}
    for stack, template in golden.items():
        for logical_id, resource in template["Resources"].items():
            found.setdefault(resource["Type"], []).append((stack, logical_id))
    return found


@pytest.fixture(scope="module")
def specification():
    node = shutil.which("node")
    assert node is not None
    done = subprocess.run(
        [node, "-e", SPECIFICATION],
        input=json.dumps(sorted(VERDICTS)),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_every_stateful_type_of_production_has_verdicts(of_production):
    assert {type_ for type_ in STATEFUL_TYPES if type_ in of_production} <= VERDICTS.keys()


def test_every_property_of_the_specification_has_a_verdict(specification):
    """One that a newer specification brings is a danger until somebody has judged it."""
    for type_, properties in specification.items():
        assert sorted(VERDICTS[type_]) == sorted(properties), type_


def test_what_is_left_to_the_replacement_does_cause_one(specification):
    for type_, properties in specification.items():
        for name, replaces in properties.items():
            assert (verdict(type_, name) == "replaced") == (replaces != "no"), (type_, name)


def edit(resource, path, value):
    """Set what stands at a path; None takes it away."""
    *steps, last = path
    for step in steps:
        resource = resource[step]
    if value is None:
        del resource[last]
    else:
        assert resource[last] != value if last in resource else True, "the edit changes nothing"
        resource[last] = value


def with_(*present):
    return lambda properties: all(name in properties for name in present)


def argument(after, value):
    """Return an edit of the argument behind a flag of a container's command."""

    def change(resource):
        command = resource["Properties"]["ContainerDefinitions"][0]["Command"]
        command[command.index(after) + 1] = value

    return change


def in_text(old, new):
    """Return an edit of a text anywhere in a resource."""

    def change(resource):
        text = json.dumps(resource)
        assert old in text
        changed = json.loads(text.replace(old, new))
        resource.clear()
        resource.update(changed)

    return change


def at(*path, value):
    return lambda resource: edit(resource["Properties"], path, value)


# Name -> (type, what the edited resource has, the edit, what the report says).
LOSING = {
    "logs-expire-sooner": (
        "AWS::Logs::LogGroup",
        with_("RetentionInDays"),
        at("RetentionInDays", value=1),
        "`RetentionInDays` goes from",
    ),
    "objects-expire-sooner": (
        "AWS::S3::Bucket",
        with_("LifecycleConfiguration"),
        at("LifecycleConfiguration", "Rules", 0, "ExpirationInDays", value=1),
        "changes `LifecycleConfiguration`, which decides what is deleted",
    ),
    "objects-begin-to-expire": (
        "AWS::SQS::Queue",
        with_("MessageRetentionPeriod"),
        at("MessageRetentionPeriod", value=60),
        "`MessageRetentionPeriod` goes from",
    ),
    "the-vault-s-lock-is-shorter": (
        "AWS::Backup::BackupVault",
        with_("LockConfiguration"),
        at("LockConfiguration", "MinRetentionDays", value=1),
        "changes `LockConfiguration`, which protects it",
    ),
    "the-vault-s-lock-can-be-lifted": (
        "AWS::Backup::BackupVault",
        with_("LockConfiguration"),
        at("LockConfiguration", value=None),
        "changes `LockConfiguration`, which protects it",
    ),
    "recovery-points-expire-sooner": (
        "AWS::Backup::BackupPlan",
        with_("BackupPlan"),
        at("BackupPlan", "BackupPlanRule", 0, "Lifecycle", "DeleteAfterDays", value=1),
        "changes `BackupPlan`, which protects it",
    ),
    "items-expire-by-another-attribute": (
        "AWS::DynamoDB::GlobalTable",
        with_("TimeToLiveSpecification"),
        at("TimeToLiveSpecification", "AttributeName", value="created_at"),
        "changes `TimeToLiveSpecification`, which decides what is deleted",
    ),
    "a-region-s-replica-goes": (
        "AWS::DynamoDB::GlobalTable",
        lambda properties: len(properties["Replicas"]) == 2,
        lambda resource: resource["Properties"]["Replicas"].pop(),
        "loses `Replicas[",
    ),
    "a-region-s-copy-of-a-secret-goes": (
        "AWS::SecretsManager::Secret",
        with_("ReplicaRegions"),
        at("ReplicaRegions", value=None),
        "loses `ReplicaRegions[",
    ),
    "a-password-is-made-anew": (
        "AWS::SecretsManager::Secret",
        with_("GenerateSecretString"),
        at("GenerateSecretString", "PasswordLength", value=44),
        "changes `GenerateSecretString`, for which CloudFormation sets a new secret",
    ),
    "a-master-s-password-is-another": (
        "AWS::RDS::DBCluster",
        with_("MasterUserPassword"),
        at("MasterUserPassword", value="{{resolve:secretsmanager:other}}"),
        "changes `MasterUserPassword`, for which",
    ),
    "point-in-time-reaches-back-less": (
        "AWS::RDS::DBCluster",
        with_("BackupRetentionPeriod"),
        at("BackupRetentionPeriod", value=1),
        "`BackupRetentionPeriod` goes from",
    ),
    "a-log-is-no-longer-exported": (
        "AWS::RDS::DBCluster",
        with_("EnableCloudwatchLogsExports"),
        at("EnableCloudwatchLogsExports", value=[]),
        "loses `EnableCloudwatchLogsExports[postgresql]`",
    ),
    "a-key-is-disabled": (
        "AWS::KMS::Key",
        with_("KeyPolicy"),
        at("Enabled", value=False),
        "changes `Enabled`, which may cost protection",
    ),
    "a-key-goes-sooner": (
        "AWS::KMS::Key",
        with_("EnableKeyRotation"),
        at("EnableKeyRotation", value=False),
        "changes `EnableKeyRotation`, which protects it",
    ),
    "replication-of-the-archive-ends": (
        "AWS::S3::Bucket",
        with_("ReplicationConfiguration"),
        at("ReplicationConfiguration", value=None),
        "changes `ReplicationConfiguration`, which protects it",
    ),
    "snapshots-of-the-warehouse-are-not-copied": (
        "AWS::RedshiftServerless::Namespace",
        with_("SnapshotCopyConfigurations"),
        at("SnapshotCopyConfigurations", value=None),
        "changes `SnapshotCopyConfigurations`, which protects it",
    ),
    "the-chain-of-trust-is-broken": (
        "AWS::Route53::KeySigningKey",
        with_("Status"),
        at("Status", value="INACTIVE"),
        "changes `Status`, which may cost protection",
    ),
    "dumps-are-kept-for-less": (
        "AWS::ECS::TaskDefinition",
        lambda properties: "--retain-days" in json.dumps(properties),
        argument("--retain-days", "2"),
        "keeps less: `retain-days` goes from 35 to 2",
    ),
    "the-archive-is-kept-for-less": (
        "AWS::StepFunctions::StateMachine",
        lambda properties: "retain_days" in json.dumps(properties),
        in_text(r"retain_days\":35", r"retain_days\":2"),
        "keeps less: `retain_days` goes from 35 to 2",
    ),
    "exports-are-locked-for-less": (
        "AWS::Lambda::Function",
        lambda properties: "LOCK_DAYS" in json.dumps(properties),
        at("Environment", "Variables", "LOCK_DAYS", value="2"),
        "keeps less: `LOCK_DAYS` goes from 35 to 2",
    ),
    "fewer-daily-snapshots": (
        "AWS::Lambda::Function",
        lambda properties: "POLICY" in properties.get("Environment", {}).get("Variables", {}),
        at("Environment", "Variables", "POLICY", value='{"hourly": 24, "daily": 3}'),
        "keeps less: `daily` goes from 35 to 3",
    ),
}


@pytest.fixture(scope="module")
def judged(judge, golden, of_production):
    cases = {}
    for name, (type_, has, change, _) in LOSING.items():
        for stack, logical_id in of_production[type_]:
            before = golden[stack]["Resources"][logical_id]
            if has(before["Properties"]):
                break
        else:
            raise AssertionError(f"no {type_} of production is one to try {name} on")
        after = copy.deepcopy(before)
        change(after)
        cases[name] = ({"X": before}, {"X": after})
    return judge(cases)


@pytest.mark.parametrize("name", LOSING)
def test_an_edit_that_loses_something_is_a_danger(judged, name):
    dangers, _ = judged[name]
    said = [text for danger in dangers for text in (danger.what, *danger.items)]
    assert any(LOSING[name][3] in text for text in said), said


def test_what_is_not_judged_is_a_danger():
    [fact] = harmed("AWS::S3::Bucket", {"New": 1}, {"New": 2}, ["New"])
    assert "whose effect is not known: give it a verdict" in fact
    assert verdict("AWS::ElastiCache::CacheCluster", "NumCacheNodes") == UNKNOWN
    assert verdict("AWS::ElastiCache::CacheCluster", "Tags") == "harmless"


def test_what_only_keeps_more_is_none():
    rules = {"Rules": [{"ExpirationInDays": 3}]}
    bucket = "AWS::S3::Bucket"
    gone = ({"LifecycleConfiguration": rules}, {})
    assert not list(harmed(bucket, *gone, ["LifecycleConfiguration"]))
    replicated = ({}, {"ReplicationConfiguration": {"Role": "r"}})
    assert not list(harmed(bucket, *replicated, ["ReplicationConfiguration"]))
    replicas = ({"Replicas": [{"Region": "a"}]}, {"Replicas": [{"Region": "b"}, {"Region": "a"}]})
    assert not list(harmed("AWS::DynamoDB::GlobalTable", *replicas, ["Replicas"]))
    longer = ({"Command": ["--retain-days", "35"]}, {"Command": ["--retain-days", "90"]})
    assert not list(kept_shorter(*longer))


def test_a_rule_that_begins_to_delete_is_a_danger():
    rules = {"LifecycleConfiguration": {"Rules": [{"ExpirationInDays": 3}]}}
    assert list(harmed("AWS::S3::Bucket", {}, rules, ["LifecycleConfiguration"]))

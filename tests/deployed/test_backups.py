"""Who may do what with backups, and what keeps them, by the APIs of the deployed production."""

from __future__ import annotations

import json

import pytest

from config.environments import PRODUCTION

HOME, FIRST = PRODUCTION.regions[-1].name, PRODUCTION.primary.name
_DELETING = ("Delete", "DeleteObject", "DeleteObjectVersion", "DeleteSnapshot")
_WRITING = ("PutObject", "CreateSnapshot", "CopySnapshot", "Replicate")


@pytest.fixture
def roles(deployed):
    """The actions of each role of the jobs, by the role's name in the template."""
    iam = deployed.client("iam", "us-east-1")
    found: dict[str, set[str]] = {}
    for role in deployed.of_type("AWS::IAM::Role"):
        if not role.stack.endswith(("-backupjobs", "-backups", "-backupplan")):
            continue
        actions = found.setdefault(role.logical_id[:-8], set())
        for name in iam.list_role_policies(RoleName=role.ref)["PolicyNames"]:
            policy = iam.get_role_policy(RoleName=role.ref, PolicyName=name)
            for statement in policy["PolicyDocument"]["Statement"]:
                listed = statement["Action"]
                actions |= set([listed] if isinstance(listed, str) else listed)
    return found


def _of(actions: set[str], verbs: tuple[str, ...]) -> set[str]:
    data = {one for one in actions if one.partition(":")[0] in ("s3", "ec2", "backup", "dynamodb")}
    return {one for one in data if one.partition(":")[2].startswith(verbs)}


def test_nobody_who_writes_backups_can_delete_any(roles):
    writers = {name for name, actions in roles.items() if _of(actions, _WRITING)}
    assert {"SnapshotsTakeRole", "ArchiveWorkRole", "SessionsExportRole"} <= writers
    for name in writers:
        assert not _of(roles[name], _DELETING), name


def test_whoever_deletes_backups_can_write_none(roles):
    deleting = {name for name, actions in roles.items() if _of(actions, _DELETING)}
    assert {"SnapshotsPruneRole", "CopyPruneRole"} <= deleting
    for name in deleting:
        assert not _of(roles[name], _WRITING), name


def test_no_role_may_shorten_a_lock_or_change_a_bucket(roles):
    for name, actions in roles.items():
        assert "s3:BypassGovernanceRetention" not in actions, name
        changing = ("PutBucket", "PutLifecycle", "PutReplication", "PutObjectLegalHold", "*")
        assert not _of(actions, changing), name


def test_only_tagged_snapshots_are_taken_or_deleted(deployed):
    for part in ("SnapshotsTake", "SnapshotsPrune"):
        role = deployed.named(HOME, "backupjobs", f"{part}Role")
        iam = deployed.client("iam", HOME)
        (name,) = iam.list_role_policies(RoleName=role.ref)["PolicyNames"]
        document = iam.get_role_policy(RoleName=role.ref, PolicyName=name)["PolicyDocument"]
        for statement in document["Statement"]:
            actions = json.dumps(statement["Action"])
            if "DeleteSnapshot" in actions or (
                "CreateSnapshot" in actions and ":snapshot/" in json.dumps(statement["Resource"])
            ):
                conditions = json.dumps(statement["Condition"])
                assert "mainstay:set" in conditions
                assert 'Tag/mainstay:environment": "production"' in conditions


@pytest.mark.parametrize(("region", "end"), [(FIRST, "-copy"), (HOME, "")])
@pytest.mark.parametrize("what", ["archive", "dumps"])
def test_both_regions_keep_versions_and_locks_under_a_key_of_their_own(deployed, region, end, what):
    bucket = deployed.named(region, "backups", f"Store{what.capitalize()}Bucket")
    s3 = deployed.client("s3", region)
    assert bucket.ref.endswith(f"-{what}{end}")
    lock = s3.get_object_lock_configuration(Bucket=bucket.ref)["ObjectLockConfiguration"]
    assert lock["ObjectLockEnabled"] == "Enabled"
    assert s3.get_bucket_versioning(Bucket=bucket.ref)["Status"] == "Enabled"
    encryption = s3.get_bucket_encryption(Bucket=bucket.ref)["ServerSideEncryptionConfiguration"]
    key = deployed.named(region, "backups", "StoreKey").ref
    arn = deployed.client("kms", region).describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    default = encryption["Rules"][0]["ApplyServerSideEncryptionByDefault"]
    assert default == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn}


@pytest.mark.parametrize("what", ["archive", "dumps"])
def test_every_object_goes_to_the_other_region_and_no_deletion_does(deployed, what):
    bucket = deployed.named(HOME, "backups", f"Store{what.capitalize()}Bucket")
    double = deployed.named(FIRST, "backups", f"Store{what.capitalize()}Bucket")
    answer = deployed.client("s3", HOME).get_bucket_replication(Bucket=bucket.ref)
    (rule,) = answer["ReplicationConfiguration"]["Rules"]
    assert (rule["Status"], rule["Filter"]) == ("Enabled", {"Prefix": ""})
    assert rule["DeleteMarkerReplication"] == {"Status": "Disabled"}
    assert rule["Destination"]["Bucket"] == f"arn:aws:s3:::{double.ref}"


def test_nothing_that_a_root_reaches_expires_by_a_rule(deployed):
    """Packs are shared by roots: a rule of their age would take them from under a newer one."""
    for region in (FIRST, HOME):
        bucket = deployed.named(region, "backups", "StoreArchiveBucket")
        rules = deployed.client("s3", region).get_bucket_lifecycle_configuration(Bucket=bucket.ref)[
            "Rules"
        ]
        expiring = {rule["Filter"]["Prefix"] for rule in rules if "Expiration" in rule}
        assert expiring == {"jobs/", "leases/"}


def test_the_archive_s_copy_is_swept_where_it_lies_behind_its_original(deployed):
    """Nothing else deletes there: replication leaves deletions out, and no rule expires a pack."""
    function = deployed.named(FIRST, "backupplan", "CopyPruneFunction")
    found = deployed.client("lambda", FIRST).get_function_configuration(FunctionName=function.ref)
    variables = found["Environment"]["Variables"]
    copy = deployed.named(FIRST, "backups", "StoreArchiveBucket").ref
    original = deployed.named(HOME, "backups", "StoreArchiveBucket").ref
    assert variables["ARCHIVE_BUCKET"] == copy
    assert (variables["ORIGINAL"], variables["ORIGINAL_REGION"]) == (original, HOME)
    iam = deployed.client("iam", FIRST)
    role = deployed.named(FIRST, "backupplan", "CopyPruneRole").ref
    deleting = {
        resource
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
        for statement in iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"][
            "Statement"
        ]
        if "s3:DeleteObjectVersion" in statement["Action"]
        for resource in [statement["Resource"]]
    }
    assert deleting == {f"arn:aws:s3:::{copy}/*"}


def test_each_vault_is_locked_for_as_long_as_its_points_are_kept(deployed):
    for region in (FIRST, HOME):
        vault = deployed.named(region, "backups", "StoreVault")
        found = deployed.client("backup", region).describe_backup_vault(BackupVaultName=vault.ref)
        assert found["Locked"]
        assert found["MinRetentionDays"] == PRODUCTION.backups.vault_days


def test_the_plan_copies_every_night_s_points_into_the_other_region(deployed):
    plan = deployed.named(FIRST, "backupplan", "Plan")
    vault = deployed.named(HOME, "backups", "StoreVault")
    answer = deployed.client("backup", FIRST).get_backup_plan(BackupPlanId=plan.ref)["BackupPlan"]
    (rule,) = answer["Rules"]
    assert rule["Lifecycle"]["DeleteAfterDays"] == PRODUCTION.backups.vault_days
    (copy,) = rule["CopyActions"]
    known = deployed.client("backup", HOME).describe_backup_vault(BackupVaultName=vault.ref)
    assert copy["DestinationBackupVaultArn"] == known["BackupVaultArn"]


def test_the_archive_reads_its_width_from_the_plan_and_tolerates_no_failure(deployed):
    machines = deployed.of_type("AWS::StepFunctions::StateMachine")
    (machine,) = [machine for machine in machines if "backup" in machine.stack]
    found = deployed.client("stepfunctions", HOME).describe_state_machine(
        stateMachineArn=machine.ref
    )
    each = json.loads(found["definition"])["States"]["EachSeries"]
    assert each["MaxConcurrency"] == 1
    items = each["ItemProcessor"]["States"]["Items"]
    assert items["MaxConcurrencyPath"] == "$.concurrency"
    assert items.get("ToleratedFailureCount", 0) == 0
    assert items["ItemReader"]["Parameters"]["Key.$"] == "$.items.key"
    assert items["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED"

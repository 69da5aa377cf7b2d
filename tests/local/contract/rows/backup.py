"""AWS Backup."""

from __future__ import annotations

import json
from typing import Any

from tests.local.contract.row import Row, Seen, att, one, part, ref, resource, role


def _vault(seen: Seen) -> Any:
    backup = seen.aws("backup")
    named = {"BackupVaultName": seen.ref}
    found = backup.describe_backup_vault(**named)
    policy = json.loads(backup.get_backup_vault_access_policy(**named)["Policy"])
    described = backup.get_backup_vault_notifications(**named)
    return {
        **part(found, "Locked", "MinRetentionDays", "MaxRetentionDays"),
        "final": "LockDate" in found,
        "policy": one(policy["Statement"])["Effect"],
        "events": described["BackupVaultEvents"],
        "who": backup.list_tags(ResourceArn=found["BackupVaultArn"])["Tags"]["who"],
    }


def _plan(seen: Seen) -> Any:
    found = seen.aws("backup").get_backup_plan(BackupPlanId=seen.ref)["BackupPlan"]
    rule = one(found["Rules"])
    return {
        "name": found["BackupPlanName"],
        **part(rule, "RuleName", "ScheduleExpression", "TargetBackupVaultName"),
        "kept": rule["Lifecycle"]["DeleteAfterDays"],
        "copies": len(rule["CopyActions"]),
        "points": rule["EnableContinuousBackup"],
    }


def _rule(days: int) -> dict[str, Any]:
    return {
        "BackupPlanName": "contract",
        "BackupPlanRule": [
            {
                "RuleName": "daily",
                "TargetBackupVault": ref("Vault"),
                "ScheduleExpression": "cron(0 5 * * ? *)",
                "EnableContinuousBackup": True,
                "Lifecycle": {"DeleteAfterDays": days},
                "CopyActions": [
                    {
                        "DestinationBackupVaultArn": (
                            "arn:aws:backup:us-west-2:111122223333:backup-vault:copy"
                        ),
                        "Lifecycle": {"DeleteAfterDays": days},
                    }
                ],
            }
        ],
    }


_VAULT = {"Vault": resource("AWS::Backup::BackupVault", BackupVaultName="contract-target")}
_PLAN = {**_VAULT, "Plan": resource("AWS::Backup::BackupPlan", BackupPlan=_rule(35))}


def _selection(seen: Seen) -> Any:
    plan, selection = seen.ref.split("_")
    asked = {"BackupPlanId": plan, "SelectionId": selection}
    found = seen.aws("backup").get_backup_selection(**asked)["BackupSelection"]
    return {
        "name": found["SelectionName"],
        "tag": one(found["ListOfTags"])["ConditionValue"],
        "role": found["IamRoleArn"].rpartition("/")[2] == seen.refs["Role"],
    }


def _selected(value: str) -> dict[str, Any]:
    return {
        "SelectionName": "contract",
        "IamRoleArn": att("Role", "Arn"),
        "ListOfTags": [
            {
                "ConditionType": "STRINGEQUALS",
                "ConditionKey": "backup",
                "ConditionValue": value,
            }
        ],
    }


def _test_plan(seen: Seen) -> Any:
    asked = {"RestoreTestingPlanName": "contract_plan"}
    found = seen.aws("backup").get_restore_testing_plan(**asked)["RestoreTestingPlan"]
    chosen = found["RecoveryPointSelection"]
    return {
        **part(found, "ScheduleExpression", "StartWindowHours"),
        **part(chosen, "Algorithm", "RecoveryPointTypes"),
    }


_TEST_PLAN = {
    "RestoreTestingPlanName": "contract_plan",
    "ScheduleExpression": "cron(0 6 ? * 7 *)",
    "StartWindowHours": 24,
    "RecoveryPointSelection": {
        "Algorithm": "LATEST_WITHIN_WINDOW",
        "IncludeVaults": ["*"],
        "RecoveryPointTypes": ["SNAPSHOT"],
    },
}


def _test_selection(seen: Seen) -> Any:
    asked = {
        "RestoreTestingPlanName": "contract_plan",
        "RestoreTestingSelectionName": "contract_selection",
    }
    answer = seen.aws("backup").get_restore_testing_selection(**asked)
    found = answer["RestoreTestingSelection"]
    return part(found, "ProtectedResourceType", "ProtectedResourceArns", "ValidationWindowHours")


ROWS = [
    Row(
        kind="AWS::Backup::BackupVault",
        properties={
            "BackupVaultName": "contract",
            "LockConfiguration": {
                "ChangeableForDays": 3,
                "MinRetentionDays": 7,
                "MaxRetentionDays": 365,
            },
            "AccessPolicy": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "backup:DeleteRecoveryPoint",
                        "Resource": "*",
                    }
                ],
            },
            "Notifications": {
                "BackupVaultEvents": ["BACKUP_JOB_COMPLETED"],
                "SNSTopicArn": "arn:aws:sns:us-east-1:111122223333:operators",
            },
            "BackupVaultTags": {"who": "a"},
        },
        read=_vault,
        made={
            "Locked": True,
            "MinRetentionDays": 7,
            "MaxRetentionDays": 365,
            "final": True,
            "policy": "Deny",
            "events": ["BACKUP_JOB_COMPLETED"],
            "who": "a",
        },
        update={
            "LockConfiguration": {"MinRetentionDays": 14, "ChangeableForDays": 3},
            "BackupVaultTags": {"who": "b"},
        },
        changed={
            "Locked": True,
            "MinRetentionDays": 14,
            "MaxRetentionDays": None,
            "final": True,
            "policy": "Deny",
            "events": ["BACKUP_JOB_COMPLETED"],
            "who": "b",
        },
    ),
    Row(
        kind="AWS::Backup::BackupPlan",
        beside=_VAULT,
        properties={"BackupPlan": _rule(35)},
        read=_plan,
        made={
            "name": "contract",
            "RuleName": "daily",
            "ScheduleExpression": "cron(0 5 * * ? *)",
            "TargetBackupVaultName": "contract-target",
            "kept": 35,
            "copies": 1,
            "points": True,
        },
        update={"BackupPlan": _rule(7)},
        changed={
            "name": "contract",
            "RuleName": "daily",
            "ScheduleExpression": "cron(0 5 * * ? *)",
            "TargetBackupVaultName": "contract-target",
            "kept": 7,
            "copies": 1,
            "points": True,
        },
    ),
    Row(
        kind="AWS::Backup::BackupSelection",
        beside={**_PLAN, "Role": role("backup")},
        properties={"BackupPlanId": ref("Plan"), "BackupSelection": _selected("daily")},
        read=_selection,
        made={"name": "contract", "tag": "daily", "role": True},
        update={"BackupSelection": _selected("weekly")},
        changed={"name": "contract", "tag": "weekly", "role": True},
        replaces=True,
    ),
    Row(
        kind="AWS::Backup::RestoreTestingPlan",
        properties=_TEST_PLAN,
        read=_test_plan,
        made={
            "ScheduleExpression": "cron(0 6 ? * 7 *)",
            "StartWindowHours": 24,
            "Algorithm": "LATEST_WITHIN_WINDOW",
            "RecoveryPointTypes": ["SNAPSHOT"],
        },
        update={"StartWindowHours": 12},
        changed={
            "ScheduleExpression": "cron(0 6 ? * 7 *)",
            "StartWindowHours": 12,
            "Algorithm": "LATEST_WITHIN_WINDOW",
            "RecoveryPointTypes": ["SNAPSHOT"],
        },
    ),
    Row(
        kind="AWS::Backup::RestoreTestingSelection",
        beside={
            "Role": role("backup"),
            "Plan": resource("AWS::Backup::RestoreTestingPlan", **_TEST_PLAN),
        },
        properties={
            "RestoreTestingPlanName": ref("Plan"),
            "RestoreTestingSelectionName": "contract_selection",
            "ProtectedResourceType": "DynamoDB",
            "ProtectedResourceArns": ["*"],
            "IamRoleArn": att("Role", "Arn"),
            "ValidationWindowHours": 4,
        },
        read=_test_selection,
        made={
            "ProtectedResourceType": "DynamoDB",
            "ProtectedResourceArns": ["*"],
            "ValidationWindowHours": 4,
        },
        update={"ValidationWindowHours": 8},
        changed={
            "ProtectedResourceType": "DynamoDB",
            "ProtectedResourceArns": ["*"],
            "ValidationWindowHours": 8,
        },
    ),
]

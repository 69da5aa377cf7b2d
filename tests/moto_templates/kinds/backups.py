"""AWS Backup, Amazon EventBridge Scheduler and AWS Step Functions."""

from __future__ import annotations

from tests.moto_templates.api_shapes import Properties
from tests.moto_templates.deployment import Site
from tests.moto_templates.kind import Attributes, Kind


def _lock(site: Site, properties: Properties, made: Attributes) -> None:
    if "LockConfiguration" in properties:
        site.client("backup").put_backup_vault_lock_configuration(
            BackupVaultName=made["Ref"], **properties["LockConfiguration"]
        )


def _plan(_site: Site, properties: Properties) -> Properties:
    """A template names the rules and their vault otherwise than the API."""
    plan = dict(properties["BackupPlan"])
    rules = [
        {_RENAMES.get(name, name): value for name, value in rule.items()}
        for rule in plan.pop("BackupPlanRule")
    ]
    return {**properties, "BackupPlan": {**plan, "Rules": rules}}


_RENAMES = {"TargetBackupVault": "TargetBackupVaultName"}

BACKUPS = {
    "AWS::Backup::BackupVault": Kind(
        service="backup",
        call="create_backup_vault",
        ref="BackupVaultName",
        attributes={"BackupVaultArn": "BackupVaultArn", "BackupVaultName": "BackupVaultName"},
        apart=("LockConfiguration",),
        then=_lock,
    ),
    "AWS::Backup::BackupPlan": Kind(
        service="backup",
        call="create_backup_plan",
        ref="BackupPlanId",
        attributes={"BackupPlanId": "BackupPlanId", "BackupPlanArn": "BackupPlanArn"},
        adapt=_plan,
    ),
    "AWS::Scheduler::Schedule": Kind(
        service="scheduler",
        call="create_schedule",
        ref="sent.Name",
        attributes={"Arn": "ScheduleArn"},
        adapt=lambda site, schedule: {"Name": site.physical_name(64), **schedule},
    ),
    "AWS::StepFunctions::StateMachine": Kind(
        service="stepfunctions",
        call="create_state_machine",
        ref="stateMachineArn",
        attributes={"Arn": "stateMachineArn", "Name": "sent.name"},
        renames={"DefinitionString": "definition", "StateMachineName": "name"},
        adapt=lambda site, machine: {"name": site.physical_name(), **machine},
    ),
}

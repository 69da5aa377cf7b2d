"""AWS Backup: vault locks, vault policies and restore testing, kept and described.

A lock in compliance mode (with days to change it) is immutable once they have passed, as on AWS.
Backup jobs copy nothing, and restore tests never run.
"""

from __future__ import annotations

import datetime
from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.apis.server import Api, ApiError

API = Api("backup")
_policies = API.store()
_notifications = API.store()
_plans = API.store()
_selections = API.store()  # (plan, name) -> selection


@API.operation
def describe_backup_vault(request: dict[str, Any]) -> dict[str, Any]:
    described = dict(_vault(request))
    described.pop("BackupVaultTags", None)
    return described


@API.operation
def put_backup_vault_lock_configuration(request: dict[str, Any]) -> None:
    vault = _vault(request)
    _unlocked(vault)
    vault["Locked"] = True
    for name in ("MinRetentionDays", "MaxRetentionDays"):
        vault[name] = request.get(name)
    days = request.get("ChangeableForDays")
    if days is not None:
        if days < 3:
            raise ApiError("InvalidParameterValueException", "ChangeableForDays is at least 3")
        # In seconds, as the vault's other times: the emulator lists its vaults as JSON.
        last = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
        vault["LockDate"] = last.timestamp()


@API.operation
def delete_backup_vault_lock_configuration(request: dict[str, Any]) -> None:
    vault = _vault(request)
    _unlocked(vault)
    vault["Locked"] = False
    for name in ("MinRetentionDays", "MaxRetentionDays", "LockDate"):
        vault.pop(name, None)


@API.operation
def put_backup_vault_access_policy(request: dict[str, Any]) -> None:
    _policies[_vault(request)["BackupVaultName"]] = request["Policy"]


@API.operation
def get_backup_vault_access_policy(request: dict[str, Any]) -> dict[str, Any]:
    vault = _vault(request)
    if vault["BackupVaultName"] not in _policies:
        raise ApiError("ResourceNotFoundException", "the vault has no policy")
    named = {name: vault[name] for name in ("BackupVaultName", "BackupVaultArn")}
    return {**named, "Policy": _policies[vault["BackupVaultName"]]}


@API.operation
def delete_backup_vault_access_policy(request: dict[str, Any]) -> None:
    _policies.pop(_vault(request)["BackupVaultName"], None)


@API.operation
def put_backup_vault_notifications(request: dict[str, Any]) -> None:
    vault = _vault(request)
    _notifications[vault["BackupVaultName"]] = {
        **request,
        "BackupVaultArn": vault["BackupVaultArn"],
    }


@API.operation
def get_backup_vault_notifications(request: dict[str, Any]) -> dict[str, Any]:
    found = _notifications.get(_vault(request)["BackupVaultName"])
    if found is None:
        raise ApiError("ResourceNotFoundException", "the vault notifies nobody")
    return found


@API.operation
def delete_backup_vault_notifications(request: dict[str, Any]) -> None:
    _notifications.pop(_vault(request)["BackupVaultName"], None)


@API.operation
def create_restore_testing_plan(request: dict[str, Any]) -> dict[str, Any]:
    plan = request["RestoreTestingPlan"]
    name = plan["RestoreTestingPlanName"]
    if name in _plans:
        raise ApiError("AlreadyExistsException", f"{name} exists")
    now = datetime.datetime.now(datetime.UTC)
    arn = f"arn:aws:backup:{inside.region()}:{inside.account()}:restore-testing-plan:{name}"
    _plans[name] = {**plan, "RestoreTestingPlanArn": arn, "CreationTime": now}
    return {"RestoreTestingPlanName": name, "RestoreTestingPlanArn": arn, "CreationTime": now}


@API.operation
def get_restore_testing_plan(request: dict[str, Any]) -> dict[str, Any]:
    return {"RestoreTestingPlan": _plan(request)}


@API.operation
def list_restore_testing_plans(request: dict[str, Any]) -> dict[str, Any]:
    return {"RestoreTestingPlans": _plans.values()}


@API.operation
def update_restore_testing_plan(request: dict[str, Any]) -> dict[str, Any]:
    plan = _plan(request)
    plan.update(request["RestoreTestingPlan"])
    plan["LastUpdateTime"] = datetime.datetime.now(datetime.UTC)
    return {**plan, "UpdateTime": plan["LastUpdateTime"]}


@API.operation
def delete_restore_testing_plan(request: dict[str, Any]) -> None:
    name = _plan(request)["RestoreTestingPlanName"]
    if any(plan == name for plan, _ in _selections):
        raise ApiError("InvalidRequestException", "selections of the plan are still there")
    _plans.pop(name)


@API.operation
def create_restore_testing_selection(request: dict[str, Any]) -> dict[str, Any]:
    plan = _plan(request)
    selection = request["RestoreTestingSelection"]
    key = (plan["RestoreTestingPlanName"], selection["RestoreTestingSelectionName"])
    if key in _selections:
        raise ApiError("AlreadyExistsException", f"{key[1]} exists")
    named = {"RestoreTestingPlanName": key[0]}
    now = datetime.datetime.now(datetime.UTC)
    _selections[key] = {**selection, **named, "CreationTime": now}
    arn = plan["RestoreTestingPlanArn"]
    return {**_selections[key], "RestoreTestingPlanArn": arn}


@API.operation
def get_restore_testing_selection(request: dict[str, Any]) -> dict[str, Any]:
    return {"RestoreTestingSelection": _selection(request)}


@API.operation
def list_restore_testing_selections(request: dict[str, Any]) -> dict[str, Any]:
    name = _plan(request)["RestoreTestingPlanName"]
    return {"RestoreTestingSelections": [s for (of, _), s in _selections.items() if of == name]}


@API.operation
def update_restore_testing_selection(request: dict[str, Any]) -> dict[str, Any]:
    selection = _selection(request)
    selection.update(request["RestoreTestingSelection"])
    arn = _plan(request)["RestoreTestingPlanArn"]
    now = datetime.datetime.now(datetime.UTC)
    return {**selection, "RestoreTestingPlanArn": arn, "UpdateTime": now}


@API.operation
def delete_restore_testing_selection(request: dict[str, Any]) -> None:
    _selection(request)
    _selections.pop((request["RestoreTestingPlanName"], request["RestoreTestingSelectionName"]))


def _vault(request: dict[str, Any]) -> dict[str, Any]:
    vault = inside.service("backup")._vaults.get(request["BackupVaultName"])
    if vault is None:
        raise ApiError("ResourceNotFoundException", f"no vault '{request['BackupVaultName']}'")
    return vault


def _unlocked(vault: dict[str, Any]) -> None:
    date = vault.get("LockDate")
    now = datetime.datetime.now(datetime.UTC)
    if date is not None and date < now.timestamp():
        since = datetime.datetime.fromtimestamp(date, datetime.UTC)
        raise ApiError("InvalidRequestException", f"the vault is locked for good since {since}")


def _plan(request: dict[str, Any]) -> dict[str, Any]:
    name = request.get("RestoreTestingPlanName")
    plan = _plans.get(name)
    if plan is None:
        raise ApiError("ResourceNotFoundException", f"no restore testing plan '{name}'")
    return plan


def _selection(request: dict[str, Any]) -> dict[str, Any]:
    key = (request["RestoreTestingPlanName"], request["RestoreTestingSelectionName"])
    if key not in _selections:
        raise ApiError("ResourceNotFoundException", f"no restore testing selection {key}")
    return _selections[key]

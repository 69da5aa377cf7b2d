"""Backup vaults: lock, policy and notifications."""

from __future__ import annotations

import json
from typing import Any

from local.emulator.extension.client import client
from local.emulator.extension.registry import Made, Properties
from local.emulator.extension.shapes import request
from local.emulator.extension.wraps.around import after


def install() -> None:
    after("AWS::Backup::BackupVault", _complete)


def _complete(made: Made, old: Properties, new: Properties) -> None:
    vault = made.physical_id
    _put(vault, "lock_configuration", "LockConfiguration", old, new)
    _put(vault, "notifications", "Notifications", old, new)
    if new.get("AccessPolicy") != old.get("AccessPolicy"):
        policy = new.get("AccessPolicy")
        if policy:
            text = policy if isinstance(policy, str) else json.dumps(policy)
            client("backup").put_backup_vault_access_policy(BackupVaultName=vault, Policy=text)
        else:
            client("backup").delete_backup_vault_access_policy(BackupVaultName=vault)


def _put(vault: str, what: str, name: str, old: Properties, new: Properties) -> None:
    if new.get(name) == old.get(name):
        return
    backup: Any = client("backup")
    if name in new:
        method = f"put_backup_vault_{what}"
        given = {**new[name], "BackupVaultName": vault}
        getattr(backup, method)(**request(backup, method, given))
    else:
        getattr(backup, f"delete_backup_vault_{what}")(BackupVaultName=vault)

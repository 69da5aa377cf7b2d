"""Measures how well a resource is protected against losing what it holds."""

import math
from collections.abc import Iterator
from typing import Any

from assembly.intrinsics import is_intrinsic, text

# Retain and RetainExceptOnCreate differ only while the resource is first created.
_POLICY_STRENGTH = {"Delete": 0, "Snapshot": 1, "Retain": 2}

# CloudFormation's defaults: Snapshot for these on deletion, Delete for everything else.
_SNAPSHOT_BY_DEFAULT = frozenset({"AWS::RDS::DBCluster", "AWS::RDS::DBInstance"})

# Switches that stand between an API call and the resource, wherever in the properties they are.
_SWITCHES = (
    "DeletionProtection",
    "DeletionProtectionEnabled",
    "DeleteProtection",
    "TerminationProtection",
    "TerminationProtectionEnabled",
    "DisableApiTermination",
    "LoadBalancerAttributes[deletion_protection.enabled].Value",
)
# Switches that keep an earlier state of what a resource holds.
_HISTORY_SWITCHES = ("PointInTimeRecoveryEnabled", "VersioningConfiguration.Status")
_OFF = frozenset({"false", "inactive", "disabled", "suspended", "none", ""})

# Property -> what its absence means, in its own unit: a shorter time deletes data on deployment.
_RETENTIONS = {
    "RetentionInDays": math.inf,  # log groups: never expire
    "BackupRetentionPeriod": 1,  # RDS: one day
    "MessageRetentionPeriod": 345_600,  # SQS: four days, in seconds
    "RetentionPeriodHours": 24,  # Kinesis: one day
}


def policy(resource: dict[str, Any], name: str) -> str:
    """Return the DeletionPolicy or UpdateReplacePolicy in effect: Delete, Snapshot or Retain."""
    value = resource.get(name)
    if value is None:
        of_database = resource.get("Type") in _SNAPSHOT_BY_DEFAULT
        standalone = "DBClusterIdentifier" not in resource.get("Properties", {})
        snapshot = name == "DeletionPolicy" and of_database and standalone
        return "Snapshot" if snapshot else "Delete"
    return "Retain" if value == "RetainExceptOnCreate" else str(value)


def weakened(
    old: dict[str, Any], new: dict[str, Any], *, holds_data: bool
) -> Iterator[tuple[str, str, str]]:
    """Yield name, state before and state after of every protection that the change lowers."""
    if holds_data:
        for name in ("DeletionPolicy", "UpdateReplacePolicy"):
            before, after = policy(old, name), policy(new, name)
            if _POLICY_STRENGTH.get(after, 0) < _POLICY_STRENGTH.get(before, 0):
                yield name, before, after
    leaves_old, leaves_new = (dict(leaves(side.get("Properties", {}))) for side in (old, new))
    for path, value in sorted(leaves_old.items()):
        if _is_switch(path, holds_data=holds_data) and _is_on(value):
            after = leaves_new.get(path)
            if not _is_on(after):
                yield path, "on", "off" if after is not None else "absent"
    if holds_data:
        yield from _shortened(leaves_old, leaves_new)


def switched_on(resource: dict[str, Any]) -> tuple[str, ...]:
    """Return the switches, by path, that make AWS refuse to delete the resource as it stands."""
    return tuple(
        path
        for path, value in leaves(resource.get("Properties", {}))
        if _is_switch(path, holds_data=False) and _is_on(value)
    )


def _shortened(old: dict[str, str], new: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    for name, default in _RETENTIONS.items():
        if name not in old and name not in new:
            continue
        before, after = (_number(side.get(name), default) for side in (old, new))
        if after < before:
            yield name, f"{before:g}", f"{after:g}"


def _number(value: str | None, default: float) -> float:
    """Return the retention; a reference, which no template resolves, counts as the default."""
    try:
        return default if value is None else float(value)
    except ValueError:
        return default


def _is_switch(path: str, *, holds_data: bool) -> bool:
    names = (*_SWITCHES, *_HISTORY_SWITCHES) if holds_data else _SWITCHES
    return any(path == name or path.endswith(f".{name}") for name in names)


def _is_on(value: str | None) -> bool:
    return value is not None and value.lower() not in _OFF


def leaves(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield path and text of every scalar or reference; a list's items go by Region or key."""
    if isinstance(value, dict) and not is_intrinsic(value):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            label = index
            if isinstance(item, dict) and not is_intrinsic(item):
                label = text(item.get("Region") or item.get("Key") or index)
            yield from leaves(item, f"{path}[{label}]")
    else:
        yield path, text(value)

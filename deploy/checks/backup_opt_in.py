"""Checks that AWS Backup is opted in to the stores, in every Region where it keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from assembly.stack import Stack
from deploy.clients import AwsClients
from deploy.findings import CheckProblem

_PLAN = "AWS::Backup::BackupPlan"
_VAULT = "AWS::Backup::BackupVault"
# Naming a cluster's ARN does not replace the opt-in: Aurora shares it with RDS (AWS Backup
# Developer Guide, "Assign resources with AWS CLI", shared resource types).
_STORES = ("Aurora", "DynamoDB")
# Only backups with the advanced features of DynamoDB can be copied to another Region (the same,
# "Advanced DynamoDB backup"); accounts with a vault from before November 2021 lack them.
_COPIED = ("DynamoDB",)


def backup_opt_in(clients: AwsClients, stacks: Iterable[Stack]) -> Iterator[CheckProblem]:
    """Yield a problem per Region where AWS Backup would leave a store out, or could not copy it."""
    read = tuple(stacks)
    places = [stack.region for stack in read if stack.of_type(_PLAN) or stack.of_type(_VAULT)]
    copying = {stack.region for stack in read if _copies(stack)}
    for region in dict.fromkeys(places):
        settings = clients("backup", region).describe_region_settings()
        missing = _missing(settings.get("ResourceTypeOptInPreference", {}), _STORES)
        if missing:
            yield CheckProblem(
                what=f"AWS Backup is not opted in to {' and '.join(missing)} in {region}: it may "
                "leave their backups out, and no job fails",
                fix=_update(region, "opt-in", missing),
            )
        managed = _COPIED if region in copying else ()
        missing = _missing(settings.get("ResourceTypeManagementPreference", {}), managed)
        if missing:
            yield CheckProblem(
                what=f"AWS Backup does not manage {' and '.join(missing)} in {region}: it cannot "
                "copy their backups to another Region",
                fix=_update(region, "management", missing),
            )


def _copies(stack: Stack) -> bool:
    plans = stack.of_type(_PLAN).values()
    rules = [rule for plan in plans for rule in plan["BackupPlan"]["BackupPlanRule"]]
    return any(rule.get("CopyActions") for rule in rules)


def _missing(preferences: Mapping[str, bool], wanted: Iterable[str]) -> list[str]:
    return [kind for kind in wanted if preferences.get(kind) is not True]


def _update(region: str, preference: str, kinds: Iterable[str]) -> str:
    values = ",".join(f"{kind}=true" for kind in kinds)
    return (
        f"aws backup update-region-settings --region {region} "
        f"--resource-type-{preference}-preference {values}"
    )

"""Global tables: replicas that share their items, and the settings of each one."""

from __future__ import annotations

from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.client import client
from local.emulator.extension.registry import Made, Properties
from local.emulator.extension.tags import change
from local.emulator.extension.wraps.around import after

_GLOBAL_TABLE = "AWS::DynamoDB::GlobalTable"


def install() -> None:
    after(_GLOBAL_TABLE, _complete)
    handler = inside.handlers()[_GLOBAL_TABLE]
    delete = handler["delete"]

    def delete_all(table: str, properties: Properties) -> None:
        for region in sorted(_replicas(properties).keys() - {inside.region()}):
            _change_replicas(table, {"Delete": {"RegionName": region}})
        delete(table, properties)

    handler["delete"] = delete_all


def _replicas(properties: Properties) -> dict[str, Properties]:
    return {replica["Region"]: replica for replica in properties.get("Replicas", ())}


def _change_replicas(table: str, update: dict[str, Any]) -> None:
    client("dynamodb").update_table(TableName=table, ReplicaUpdates=[update])


def _complete(made: Made, old: Properties, new: Properties) -> None:
    table, here = made.physical_id, inside.region()
    before, now = _replicas(old), _replicas(new)
    for region in sorted(before.keys() - now.keys() - {here}):
        _change_replicas(table, {"Delete": {"RegionName": region}})
    for region in sorted(now.keys() - before.keys() - {here}):
        _change_replicas(table, {"Create": {"RegionName": region}})
    for region in now:
        _settings(table, region, before.get(region, {}), now[region], new)
        _lifetime(table, region, old, new)
    record = inside.service("dynamodb")._tables[table]
    made.attributes["TableId"] = record["TableId"]


def _settings(
    table: str, region: str, old: Properties, new: Properties, all_of: Properties
) -> None:
    api = client("dynamodb", region)
    recovery = _flag(new.get("PointInTimeRecoverySpecification"), "PointInTimeRecoveryEnabled")
    api.update_continuous_backups(
        TableName=table,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": recovery},
    )
    protected = str(new.get("DeletionProtectionEnabled", False)).lower() == "true"
    api.update_table(TableName=table, DeletionProtectionEnabled=protected)
    record = inside.service("dynamodb")._tables.get_scoped(inside.account(), region, table)
    record["SSEDescription"] = _encryption(new, all_of)
    limits = {
        name: int(settings[name])
        for settings, name in (
            (new.get("ReadOnDemandThroughputSettings") or {}, "MaxReadRequestUnits"),
            (all_of.get("WriteOnDemandThroughputSettings") or {}, "MaxWriteRequestUnits"),
        )
        if name in settings
    }
    record["OnDemandThroughput"] = limits or None
    changed = change(old, new)
    if changed.gone:
        api.untag_resource(ResourceArn=record["TableArn"], TagKeys=changed.gone)
    if changed.put:
        api.tag_resource(ResourceArn=record["TableArn"], Tags=changed.pairs)


def _encryption(replica: Properties, table: Properties) -> dict[str, Any] | None:
    """None is DynamoDB's own key."""
    if not _flag(table.get("SSESpecification"), "SSEEnabled"):
        return None
    key = (replica.get("SSESpecification") or {}).get("KMSMasterKeyId")
    described = {"Status": "ENABLED", "SSEType": "KMS"}
    return {**described, "KMSMasterKeyArn": key} if key else described


def _lifetime(table: str, region: str, old: Properties, new: Properties) -> None:
    wanted = new.get("TimeToLiveSpecification")
    if wanted == old.get("TimeToLiveSpecification") and region in _replicas(old):
        return
    if wanted is not None:
        specification = {
            "AttributeName": wanted["AttributeName"],
            "Enabled": _flag(wanted, "Enabled"),
        }
        client("dynamodb", region).update_time_to_live(
            TableName=table, TimeToLiveSpecification=specification
        )


def _flag(settings: Properties | None, name: str) -> bool:
    return str((settings or {}).get(name, False)).lower() == "true"

"""AWS::Backup types that the emulator lacks: selections and restore testing."""

from __future__ import annotations

from typing import Any

from local.emulator.extension.client import client
from local.emulator.extension.registry import Made, Naming, Properties, ResourceKind, kind
from local.emulator.extension.shapes import request
from local.emulator.extension.tags import as_map


@kind("AWS::Backup::BackupSelection")
class BackupSelection(ResourceKind):
    replaced_by = ("BackupPlanId", "BackupSelection")

    def create(self, properties: Properties, naming: Naming) -> Made:
        backup = client("backup")
        made = backup.create_backup_selection(
            **request(backup, "create_backup_selection", properties)
        )
        plan, selection = made["BackupPlanId"], made["SelectionId"]
        attributes = {"BackupPlanId": plan, "SelectionId": selection, "Id": selection}
        return Made(f"{plan}_{selection}", attributes)

    def delete(self, physical_id: str, properties: Properties) -> None:
        plan, selection = physical_id.split("_")
        client("backup").delete_backup_selection(BackupPlanId=plan, SelectionId=selection)


@kind("AWS::Backup::RestoreTestingPlan")
class RestoreTestingPlan(ResourceKind):
    replaced_by = ("RestoreTestingPlanName",)

    def create(self, properties: Properties, naming: Naming) -> Made:
        backup = client("backup")
        made = backup.create_restore_testing_plan(
            RestoreTestingPlan=self._plan("create_restore_testing_plan", properties),
            Tags=as_map(properties),
        )
        return self._made(made)

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        plan = self._plan("update_restore_testing_plan", new, "RestoreTestingPlanName")
        made = client("backup").update_restore_testing_plan(
            RestoreTestingPlanName=physical_id, RestoreTestingPlan=plan
        )
        return self._made(made)

    def delete(self, physical_id: str, properties: Properties) -> None:
        client("backup").delete_restore_testing_plan(RestoreTestingPlanName=physical_id)

    def _plan(self, method: str, properties: Properties, *without: str) -> dict[str, Any]:
        plan = {k: v for k, v in properties.items() if k not in ("Tags", *without)}
        return request(client("backup"), method, {"RestoreTestingPlan": plan})["RestoreTestingPlan"]

    def _made(self, made: dict[str, Any]) -> Made:
        name = made["RestoreTestingPlanName"]
        return Made(name, {"RestoreTestingPlanArn": made["RestoreTestingPlanArn"]})


@kind("AWS::Backup::RestoreTestingSelection")
class RestoreTestingSelection(ResourceKind):
    replaced_by = ("ProtectedResourceType", "RestoreTestingPlanName", "RestoreTestingSelectionName")

    def create(self, properties: Properties, naming: Naming) -> Made:
        self._call("create_restore_testing_selection", properties, properties)
        return Made(self._id(properties), {})

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        changeable = {k: v for k, v in new.items() if k not in self.replaced_by}
        self._call(
            "update_restore_testing_selection", new, changeable,
            RestoreTestingSelectionName=new["RestoreTestingSelectionName"],
        )  # fmt: skip
        return Made(physical_id, {})

    def delete(self, physical_id: str, properties: Properties) -> None:
        plan, name = physical_id.split("|")
        client("backup").delete_restore_testing_selection(
            RestoreTestingPlanName=plan, RestoreTestingSelectionName=name
        )

    def _call(self, method: str, of: Properties, selection: Properties, **more: str) -> None:
        backup = client("backup")
        apart = ("RestoreTestingPlanName",)
        given = {k: v for k, v in selection.items() if k not in apart}
        arguments = request(backup, method, {"RestoreTestingSelection": given})
        getattr(backup, method)(
            RestoreTestingPlanName=of["RestoreTestingPlanName"], **arguments, **more
        )

    def _id(self, properties: Properties) -> str:
        names = ("RestoreTestingPlanName", "RestoreTestingSelectionName")
        return "|".join(properties[name] for name in names)

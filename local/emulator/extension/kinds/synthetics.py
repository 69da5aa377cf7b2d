"""AWS::Synthetics::Canary, kept behind its own API; it never runs."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from local.emulator.extension.client import client
from local.emulator.extension.registry import Made, Naming, Properties, ResourceKind, kind
from local.emulator.extension.shapes import request
from local.emulator.extension.tags import as_map, change

_RENAMED = {
    "FailureRetentionPeriod": "FailureRetentionPeriodInDays",
    "SuccessRetentionPeriod": "SuccessRetentionPeriodInDays",
}
_APART = (
    "Code", "DeleteLambdaResourcesOnCanaryDeletion", "DryRunAndUpdate",
    "StartCanaryAfterCreation", "Tags", "VisualReferences",
)  # fmt: skip


@kind("AWS::Synthetics::Canary")
class Canary(ResourceKind):
    replaced_by = ("Name",)

    def create(self, properties: Properties, naming: Naming) -> Made:
        api = client("synthetics")
        arguments = request(api, "create_canary", properties, renamed=_RENAMED, without=_APART)
        made = api.create_canary(
            **arguments, Code=_code(properties["Code"]), Tags=as_map(properties)
        )["Canary"]
        if str(properties.get("StartCanaryAfterCreation", True)).lower() == "true":
            api.start_canary(Name=made["Name"])
        return Made(made["Name"], {"Id": made["Id"], "State": "RUNNING"})

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        api = client("synthetics")
        without = (*_APART, "ResourcesToReplicateTags")
        arguments = request(api, "update_canary", new, renamed=_RENAMED, without=without)
        api.update_canary(**arguments, Code=_code(new["Code"]))
        found = api.get_canary(Name=physical_id)["Canary"]
        place = f"{api.meta.region_name}:{_account(new)}"
        arn = f"arn:aws:synthetics:{place}:canary:{physical_id}"
        changed = change(old, new)
        if changed.put:
            api.tag_resource(ResourceArn=arn, Tags=changed.put)
        if changed.gone:
            api.untag_resource(ResourceArn=arn, TagKeys=changed.gone)
        return Made(physical_id, {"Id": found["Id"], "State": found["Status"]["State"]})

    def delete(self, physical_id: str, properties: Properties) -> None:
        api = client("synthetics")
        api.stop_canary(Name=physical_id)
        api.delete_canary(Name=physical_id)


def _account(properties: Properties) -> str:
    return str(properties["ExecutionRoleArn"]).split(":")[4]


def _code(code: Properties) -> dict[str, Any]:
    """A script in the template is packed, as CloudFormation does."""
    if "Script" not in code:
        return dict(code)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{code['Handler'].partition('.')[0]}.py", code["Script"])
    rest = {name: value for name, value in code.items() if name != "Script"}
    return {**rest, "ZipFile": packed.getvalue()}

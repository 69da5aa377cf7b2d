"""AWS::Events::Archive."""

from __future__ import annotations

from local.emulator.extension.client import client
from local.emulator.extension.registry import Made, Naming, Properties, ResourceKind, kind
from local.emulator.extension.shapes import request


@kind("AWS::Events::Archive")
class Archive(ResourceKind):
    replaced_by = ("ArchiveName", "SourceArn")

    def create(self, properties: Properties, naming: Naming) -> Made:
        events = client("events")
        name = properties.get("ArchiveName") or naming.name(longest=48)
        arguments = request(
            events, "create_archive", {**properties, "ArchiveName": name},
            renamed={"SourceArn": "EventSourceArn"},
        )  # fmt: skip
        made = events.create_archive(**arguments)
        return Made(name, {"Arn": made["ArchiveArn"], "ArchiveName": name})

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        events = client("events")
        arguments = request(events, "update_archive", new, without=self.replaced_by)
        made = events.update_archive(ArchiveName=physical_id, **arguments)
        return Made(physical_id, {"Arn": made["ArchiveArn"], "ArchiveName": physical_id})

    def delete(self, physical_id: str, properties: Properties) -> None:
        client("events").delete_archive(ArchiveName=physical_id)

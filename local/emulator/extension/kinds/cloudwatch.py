"""AWS::CloudWatch::CompositeAlarm."""

from __future__ import annotations

from local.emulator.extension.client import client
from local.emulator.extension.registry import Made, Naming, Properties, ResourceKind, kind
from local.emulator.extension.shapes import request
from local.emulator.extension.tags import change


@kind("AWS::CloudWatch::CompositeAlarm")
class CompositeAlarm(ResourceKind):
    replaced_by = ("AlarmName",)

    def create(self, properties: Properties, naming: Naming) -> Made:
        name = properties.get("AlarmName") or naming.name(longest=255)
        return self._put(name, {}, properties)

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        return self._put(physical_id, old, new)

    def delete(self, physical_id: str, properties: Properties) -> None:
        client("cloudwatch").delete_alarms(AlarmNames=[physical_id])

    def _put(self, name: str, old: Properties, new: Properties) -> Made:
        api = client("cloudwatch")
        given = {**new, "AlarmName": name}
        api.put_composite_alarm(**request(api, "put_composite_alarm", given, without=("Tags",)))
        found = api.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])
        arn = found["CompositeAlarms"][0]["AlarmArn"]
        changed = change(old, new)
        if changed.put:
            api.tag_resource(ResourceARN=arn, Tags=changed.pairs)
        if changed.gone:
            api.untag_resource(ResourceARN=arn, TagKeys=changed.gone)
        return Made(name, {"Arn": arn})

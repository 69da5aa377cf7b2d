"""AWS::RedshiftServerless: namespaces and workgroups, kept behind their own API."""

from __future__ import annotations

import json
from typing import Any

from local.emulator.extension.client import client
from local.emulator.extension.registry import Made, Naming, Properties, ResourceKind, kind
from local.emulator.extension.shapes import request
from local.emulator.extension.tags import change

_SERVICE = "redshift-serverless"
_APART = ("NamespaceResourcePolicy", "SnapshotCopyConfigurations")
_COPIES = "SnapshotCopyConfigurations"


def _tag(arn: str, old: Properties, new: Properties) -> None:
    changed = change(old, new)
    if changed.gone:
        client(_SERVICE).untag_resource(resourceArn=arn, tagKeys=changed.gone)
    if changed.put:
        pairs = [{"key": key, "value": value} for key, value in changed.put.items()]
        client(_SERVICE).tag_resource(resourceArn=arn, tags=pairs)


def _attributes(part: str, record: dict[str, Any]) -> dict[str, Any]:
    """As Fn::GetAtt names them: Namespace.NamespaceArn, Workgroup.Endpoint.Address."""
    made = {}
    for name, value in record.items():
        key = f"{part}.{name[0].upper()}{name[1:]}"
        if isinstance(value, dict):
            made |= _attributes(key, value)
        elif isinstance(value, (str, int)):
            made[key] = str(value)
    return made


@kind("AWS::RedshiftServerless::Namespace")
class Namespace(ResourceKind):
    replaced_by = ("NamespaceName",)

    def create(self, properties: Properties, naming: Naming) -> Made:
        api = client(_SERVICE)
        arguments = request(api, "create_namespace", properties, without=_APART)
        made = api.create_namespace(**arguments)["namespace"]
        self._complete(made["namespaceArn"], {}, properties)
        return Made(made["namespaceName"], _attributes("Namespace", made))

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        api = client(_SERVICE)
        arguments = request(
            api, "update_namespace", new, without=(*_APART, "DbName", "Tags")
        )  # the database's name is no member of the update, and changes nothing
        made = api.update_namespace(**arguments)["namespace"]
        self._complete(made["namespaceArn"], old, new)
        _tag(made["namespaceArn"], old, new)
        return Made(physical_id, _attributes("Namespace", made))

    def delete(self, physical_id: str, properties: Properties) -> None:
        api = client(_SERVICE)
        arn = api.get_namespace(namespaceName=physical_id)["namespace"]["namespaceArn"]
        client("redshift").delete_resource_policy(ResourceArn=arn)
        self._copy(physical_id, [])
        api.delete_namespace(namespaceName=physical_id)

    def _complete(self, arn: str, old: Properties, new: Properties) -> None:
        if policy := new.get("NamespaceResourcePolicy"):
            client("redshift").put_resource_policy(ResourceArn=arn, Policy=json.dumps(policy))
        elif "NamespaceResourcePolicy" in old:
            client("redshift").delete_resource_policy(ResourceArn=arn)
        if new.get(_COPIES) != old.get(_COPIES):
            self._copy(new["NamespaceName"], new.get(_COPIES, []))

    def _copy(self, namespace: str, wanted: list[dict[str, Any]]) -> None:
        api = client(_SERVICE)
        known = api.list_snapshot_copy_configurations(namespaceName=namespace)
        for copy in known["snapshotCopyConfigurations"]:
            identifier = copy["snapshotCopyConfigurationId"]
            api.delete_snapshot_copy_configuration(snapshotCopyConfigurationId=identifier)
        for copy in wanted:
            given = {"NamespaceName": namespace, **copy}
            api.create_snapshot_copy_configuration(
                **request(api, "create_snapshot_copy_configuration", given)
            )


@kind("AWS::RedshiftServerless::Workgroup")
class Workgroup(ResourceKind):
    replaced_by = ("NamespaceName", "WorkgroupName")

    def create(self, properties: Properties, naming: Naming) -> Made:
        api = client(_SERVICE)
        made = api.create_workgroup(**request(api, "create_workgroup", properties))["workgroup"]
        return Made(made["workgroupName"], _attributes("Workgroup", made))

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        api = client(_SERVICE)
        arguments = request(api, "update_workgroup", new, without=("NamespaceName", "Tags"))
        made = api.update_workgroup(**arguments)["workgroup"]
        _tag(made["workgroupArn"], old, new)
        return Made(physical_id, _attributes("Workgroup", made))

    def delete(self, physical_id: str, properties: Properties) -> None:
        client(_SERVICE).delete_workgroup(workgroupName=physical_id)

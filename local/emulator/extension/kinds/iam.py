"""AWS::IAM: instance profiles by their name, and identity providers."""

from __future__ import annotations

from local.emulator.extension.client import client
from local.emulator.extension.registry import Made, Naming, Properties, ResourceKind, kind
from local.emulator.extension.shapes import request
from local.emulator.extension.tags import change


@kind("AWS::IAM::InstanceProfile")
class InstanceProfile(ResourceKind):
    """`Ref` is its name; the emulator's own handler gives the ARN."""

    replaced_by = ("InstanceProfileName", "Path")

    def create(self, properties: Properties, naming: Naming) -> Made:
        iam = client("iam")
        name = properties.get("InstanceProfileName") or naming.name(longest=128)
        given = {**properties, "InstanceProfileName": name}
        arguments = request(iam, "create_instance_profile", given, without=("Roles",))
        made = iam.create_instance_profile(**arguments)["InstanceProfile"]
        for role in properties["Roles"]:
            iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)
        return Made(name, {"Arn": made["Arn"], "InstanceProfileId": made["InstanceProfileId"]})

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        iam = client("iam")
        for role in set(old["Roles"]) - set(new["Roles"]):
            iam.remove_role_from_instance_profile(InstanceProfileName=physical_id, RoleName=role)
        for role in set(new["Roles"]) - set(old["Roles"]):
            iam.add_role_to_instance_profile(InstanceProfileName=physical_id, RoleName=role)
        made = iam.get_instance_profile(InstanceProfileName=physical_id)["InstanceProfile"]
        attributes = {"Arn": made["Arn"], "InstanceProfileId": made["InstanceProfileId"]}
        return Made(physical_id, attributes)

    def delete(self, physical_id: str, properties: Properties) -> None:
        iam = client("iam")
        found = iam.get_instance_profile(InstanceProfileName=physical_id)["InstanceProfile"]
        for role in found["Roles"]:
            iam.remove_role_from_instance_profile(
                InstanceProfileName=physical_id, RoleName=role["RoleName"]
            )
        iam.delete_instance_profile(InstanceProfileName=physical_id)


@kind("AWS::IAM::OIDCProvider")
class OpenIdProvider(ResourceKind):
    replaced_by = ("Url",)

    def create(self, properties: Properties, naming: Naming) -> Made:
        iam = client("iam")
        arguments = request(iam, "create_open_id_connect_provider", properties)
        arn = iam.create_open_id_connect_provider(**arguments)["OpenIDConnectProviderArn"]
        return Made(arn, {"Arn": arn})

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        iam = client("iam")
        provider = {"OpenIDConnectProviderArn": physical_id}
        before, now = (set(properties.get("ClientIdList", ())) for properties in (old, new))
        for identifier in sorted(before - now):
            iam.remove_client_id_from_open_id_connect_provider(ClientID=identifier, **provider)
        for identifier in sorted(now - before):
            iam.add_client_id_to_open_id_connect_provider(ClientID=identifier, **provider)
        changed = change(old, new)
        if changed.put:
            iam.tag_open_id_connect_provider(Tags=changed.pairs, **provider)
        if changed.gone:
            iam.untag_open_id_connect_provider(TagKeys=changed.gone, **provider)
        return Made(physical_id, {"Arn": physical_id})

    def delete(self, physical_id: str, properties: Properties) -> None:
        client("iam").delete_open_id_connect_provider(OpenIDConnectProviderArn=physical_id)

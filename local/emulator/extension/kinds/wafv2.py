"""AWS::WAFv2 types that the emulator lacks: where a web ACL stands, and where it logs."""

from __future__ import annotations

from local.emulator.extension.client import client
from local.emulator.extension.registry import Made, Naming, Properties, ResourceKind, kind
from local.emulator.extension.shapes import request


@kind("AWS::WAFv2::WebACLAssociation")
class WebAclAssociation(ResourceKind):
    replaced_by = ("ResourceArn", "WebACLArn")

    def create(self, properties: Properties, naming: Naming) -> Made:
        wafv2 = client("wafv2")
        wafv2.associate_web_acl(**request(wafv2, "associate_web_acl", properties))
        return Made(f"{properties['WebACLArn']}|{properties['ResourceArn']}", {})

    def delete(self, physical_id: str, properties: Properties) -> None:
        client("wafv2").disassociate_web_acl(ResourceArn=properties["ResourceArn"])


@kind("AWS::WAFv2::LoggingConfiguration")
class LoggingConfiguration(ResourceKind):
    replaced_by = ("ResourceArn",)

    def create(self, properties: Properties, naming: Naming) -> Made:
        wafv2 = client("wafv2")
        configuration = request(
            wafv2, "put_logging_configuration", {"LoggingConfiguration": properties}
        )
        wafv2.put_logging_configuration(**configuration)
        return Made(properties["ResourceArn"], {"ManagedByFirewallManager": False})

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        wafv2 = client("wafv2")
        configuration = request(wafv2, "put_logging_configuration", {"LoggingConfiguration": new})
        wafv2.put_logging_configuration(**configuration)
        return Made(physical_id, {"ManagedByFirewallManager": False})

    def delete(self, physical_id: str, properties: Properties) -> None:
        client("wafv2").delete_logging_configuration(ResourceArn=physical_id)


@kind("AWS::WAFv2::IPSet")
class IpSet(ResourceKind):
    replaced_by = ("Name", "Scope", "IPAddressVersion")

    def create(self, properties: Properties, naming: Naming) -> Made:
        wafv2 = client("wafv2")
        named = {"Name": naming.name(longest=128), **properties}
        made = wafv2.create_ip_set(**request(wafv2, "create_ip_set", named))["Summary"]
        physical_id = f"{made['Name']}|{made['Id']}|{properties['Scope']}"
        return Made(physical_id, {"Arn": made["ARN"], "Id": made["Id"]})

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        wafv2 = client("wafv2")
        key = _key(physical_id)
        found = wafv2.get_ip_set(**key)
        arguments = request(
            wafv2, "update_ip_set", new, without=("Name", "Scope", "IPAddressVersion", "Tags")
        )
        wafv2.update_ip_set(**key, LockToken=found["LockToken"], **arguments)
        return Made(physical_id, {"Arn": found["IPSet"]["ARN"], "Id": key["Id"]})

    def delete(self, physical_id: str, properties: Properties) -> None:
        key = _key(physical_id)
        lock = client("wafv2").get_ip_set(**key)["LockToken"]
        client("wafv2").delete_ip_set(**key, LockToken=lock)


def _key(physical_id: str) -> dict[str, str]:
    name, identifier, scope = physical_id.split("|")
    return {"Name": name, "Id": identifier, "Scope": scope}

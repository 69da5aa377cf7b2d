"""AWS::Route53 types that the emulator lacks: health checks and the signing of a zone."""

from __future__ import annotations

import uuid
from typing import Any

from local.emulator.extension.client import client
from local.emulator.extension.kinds.ec2_network import as_map
from local.emulator.extension.registry import Kind, Made, Naming, Properties, kind
from local.emulator.extension.shapes import request


@kind("AWS::Route53::HealthCheck")
class HealthCheck(Kind):
    def create(self, properties: Properties, naming: Naming) -> Made:
        route53 = client("route53")
        arguments = request(
            route53, "create_health_check", properties, without=("HealthCheckTags",)
        )
        made = route53.create_health_check(CallerReference=uuid.uuid4().hex, **arguments)
        check = made["HealthCheck"]["Id"]
        self._tag(check, {}, properties)
        return Made(check, {"HealthCheckId": check})

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        route53 = client("route53")
        arguments = request(
            route53, "update_health_check", new["HealthCheckConfig"],
            without=("Type", "RequestInterval", "MeasureLatency", "RoutingControlArn"),
        )  # fmt: skip
        route53.update_health_check(HealthCheckId=physical_id, **arguments)
        self._tag(physical_id, old, new)
        return Made(physical_id, {"HealthCheckId": physical_id})

    def delete(self, physical_id: str, properties: Properties) -> None:
        client("route53").delete_health_check(HealthCheckId=physical_id)

    def _tag(self, check: str, old: Properties, new: Properties) -> None:
        before, after = (as_map(properties, "HealthCheckTags") for properties in (old, new))
        arguments: dict[str, Any] = {}
        if after:
            arguments["AddTags"] = [{"Key": key, "Value": value} for key, value in after.items()]
        if gone := sorted(before.keys() - after.keys()):
            arguments["RemoveTagKeys"] = gone
        if arguments:
            client("route53").change_tags_for_resource(
                ResourceType="healthcheck", ResourceId=check, **arguments
            )


@kind("AWS::Route53::KeySigningKey")
class KeySigningKey(Kind):
    replaced_by = ("HostedZoneId", "KeyManagementServiceArn", "Name")

    def create(self, properties: Properties, naming: Naming) -> Made:
        route53 = client("route53")
        arguments = request(route53, "create_key_signing_key", properties)
        route53.create_key_signing_key(CallerReference=uuid.uuid4().hex, **arguments)
        return Made(f"{properties['HostedZoneId']}|{properties['Name']}", {})

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        verb = "activate" if new["Status"] == "ACTIVE" else "deactivate"
        getattr(client("route53"), f"{verb}_key_signing_key")(
            HostedZoneId=new["HostedZoneId"], Name=new["Name"]
        )
        return Made(physical_id, {})

    def delete(self, physical_id: str, properties: Properties) -> None:
        key = {"HostedZoneId": properties["HostedZoneId"], "Name": properties["Name"]}
        client("route53").deactivate_key_signing_key(**key)
        client("route53").delete_key_signing_key(**key)


@kind("AWS::Route53::DNSSEC")
class Signing(Kind):
    replaced_by = ("HostedZoneId",)

    def create(self, properties: Properties, naming: Naming) -> Made:
        zone = properties["HostedZoneId"]
        client("route53").enable_hosted_zone_dnssec(HostedZoneId=zone)
        return Made(zone, {})

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        return Made(physical_id, {})

    def delete(self, physical_id: str, properties: Properties) -> None:
        client("route53").disable_hosted_zone_dnssec(HostedZoneId=physical_id)

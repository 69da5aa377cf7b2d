"""AWS::Route53 types that the emulator lacks: health checks and the signing of a zone."""

from __future__ import annotations

import uuid
from typing import Any

from local.emulator.extension.client import client
from local.emulator.extension.registry import Made, Naming, Properties, ResourceKind, kind
from local.emulator.extension.shapes import request
from local.emulator.extension.tags import change


def tag(sort: str, resource: str, old: Properties, new: Properties, name: str) -> None:
    """Make the tags of a zone or a health check those of the template."""
    changed = change(old, new, name)
    arguments: dict[str, Any] = {}
    if changed.put:
        arguments["AddTags"] = changed.pairs
    if changed.gone:
        arguments["RemoveTagKeys"] = changed.gone
    if arguments:
        client("route53").change_tags_for_resource(
            ResourceType=sort, ResourceId=resource, **arguments
        )


@kind("AWS::Route53::HealthCheck")
class HealthCheck(ResourceKind):
    def create(self, properties: Properties, naming: Naming) -> Made:
        route53 = client("route53")
        arguments = request(
            route53, "create_health_check", properties, without=("HealthCheckTags",)
        )
        made = route53.create_health_check(CallerReference=uuid.uuid4().hex, **arguments)
        check = made["HealthCheck"]["Id"]
        tag("healthcheck", check, {}, properties, "HealthCheckTags")
        return Made(check, {"HealthCheckId": check})

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        route53 = client("route53")
        arguments = request(
            route53, "update_health_check", new["HealthCheckConfig"],
            without=("Type", "RequestInterval", "MeasureLatency", "RoutingControlArn"),
        )  # fmt: skip
        route53.update_health_check(HealthCheckId=physical_id, **arguments)
        tag("healthcheck", physical_id, old, new, "HealthCheckTags")
        return Made(physical_id, {"HealthCheckId": physical_id})

    def delete(self, physical_id: str, properties: Properties) -> None:
        client("route53").delete_health_check(HealthCheckId=physical_id)


@kind("AWS::Route53::KeySigningKey")
class KeySigningKey(ResourceKind):
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
class Signing(ResourceKind):
    replaced_by = ("HostedZoneId",)

    def create(self, properties: Properties, naming: Naming) -> Made:
        zone = properties["HostedZoneId"]
        client("route53").enable_hosted_zone_dnssec(HostedZoneId=zone)
        return Made(zone, {})

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        return Made(physical_id, {})

    def delete(self, physical_id: str, properties: Properties) -> None:
        client("route53").disable_hosted_zone_dnssec(HostedZoneId=physical_id)

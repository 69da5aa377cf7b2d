"""Amazon Route 53 and AWS Certificate Manager."""

from __future__ import annotations

from tests.moto_templates.api_shapes import Properties
from tests.moto_templates.deployment import Site
from tests.moto_templates.kind import Attributes, Kind


def _zone(site: Site, zone: Properties) -> Properties:
    return {"CallerReference": site.logical_id, **zone}


def _zone_features(site: Site, properties: Properties, made: Attributes) -> Attributes:
    zone_id = made["Ref"].rpartition("/")[2]  # the API answers with a path, Ref is the id alone
    site.client("route53").change_tags_for_resource(
        ResourceType="hostedzone", ResourceId=zone_id, AddTags=properties["HostedZoneTags"]
    )
    return {"Ref": zone_id}


def _record(_site: Site, record: Properties) -> Properties:
    zone = record.pop("HostedZoneId")
    if "ResourceRecords" in record:
        record["ResourceRecords"] = [{"Value": value} for value in record["ResourceRecords"]]
    change = {"Action": "CREATE", "ResourceRecordSet": record}
    return {"HostedZoneId": zone, "ChangeBatch": {"Changes": [change]}}


def _check(site: Site, check: Properties) -> Properties:
    config = dict(check["HealthCheckConfig"])
    config.pop("RoutingControlArn", None)
    return {**check, "CallerReference": f"{site.stack}-{site.logical_id}"}


def _check_tags(site: Site, properties: Properties, made: Attributes) -> None:
    site.client("route53").change_tags_for_resource(
        ResourceType="healthcheck",
        ResourceId=made["Ref"],
        AddTags=properties.get("HealthCheckTags", []),
    )


DNS = {
    "AWS::Route53::HostedZone": Kind(
        service="route53",
        call="create_hosted_zone",
        ref="HostedZone.Id",
        attributes={"NameServers": "DelegationSet.NameServers"},
        apart=("HostedZoneTags", "HostedZoneFeatures"),
        adapt=_zone,
        then=_zone_features,
    ),
    "AWS::Route53::RecordSet": Kind(
        service="route53",
        call="change_resource_record_sets",
        ref="sent.ChangeBatch.Changes[0].ResourceRecordSet.Name",
        adapt=_record,
    ),
    "AWS::Route53::HealthCheck": Kind(
        service="route53",
        call="create_health_check",
        ref="HealthCheck.Id",
        apart=("HealthCheckTags",),
        adapt=_check,
        then=_check_tags,
    ),
    "AWS::CertificateManager::Certificate": Kind(
        service="acm",
        call="request_certificate",
        ref="CertificateArn",
        # CloudFormation itself writes the validation's record into this zone.
        apart=("DomainValidationOptions",),
    ),
}

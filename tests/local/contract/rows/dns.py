"""Amazon Route 53, certificates and keys."""

from __future__ import annotations

import json
from typing import Any

from tests.local.contract.row import (
    GoneError,
    Row,
    Seen,
    att,
    one,
    part,
    ref,
    resource,
    tag,
    tags,
)

_ZONE = {"Zone": resource("AWS::Route53::HostedZone", Name="contract.example.")}


def _zone(seen: Seen) -> Any:
    route53 = seen.aws("route53")
    found = route53.get_hosted_zone(Id=seen.ref)["HostedZone"]
    known = route53.list_tags_for_resource(ResourceType="hostedzone", ResourceId=seen.ref)
    return {
        "Name": found["Name"],
        "says": found["Config"].get("Comment"),
        "who": tag(known["ResourceTagSet"]["Tags"]),
    }


def _record(seen: Seen) -> Any:
    asked = {"HostedZoneId": seen.refs["Zone"]}
    found = one(
        record
        for record in seen.aws("route53").list_resource_record_sets(**asked)["ResourceRecordSets"]
        if record["Type"] == "A"
    )
    return {
        **part(found, "Name", "SetIdentifier", "Failover"),
        "check": found["HealthCheckId"] == seen.refs["Check"],
        "to": found["AliasTarget"]["DNSName"],
        "health": found["AliasTarget"]["EvaluateTargetHealth"],
    }


def _check(seen: Seen) -> Any:
    route53 = seen.aws("route53")
    found = route53.get_health_check(HealthCheckId=seen.ref)["HealthCheck"]["HealthCheckConfig"]
    known = route53.list_tags_for_resource(ResourceType="healthcheck", ResourceId=seen.ref)
    return {
        **part(found, "Type", "ResourcePath", "FailureThreshold", "RequestInterval", "EnableSNI"),
        "who": tag(known["ResourceTagSet"]["Tags"]),
    }


def _alarm_check(seen: Seen) -> Any:
    found = seen.aws("route53").get_health_check(HealthCheckId=seen.ref)["HealthCheck"]
    config = found["HealthCheckConfig"]
    return {
        **part(config, "Type", "InsufficientDataHealthStatus"),
        "alarm": config["AlarmIdentifier"],
    }


def _both(seen: Seen) -> Any:
    found = seen.aws("route53").get_health_check(HealthCheckId=seen.ref)["HealthCheck"]
    config = found["HealthCheckConfig"]
    checks = [seen.refs["Check"], seen.refs["Other"]]
    return {**part(config, "Type", "HealthThreshold"), "of": config["ChildHealthChecks"] == checks}


def _signing_key(seen: Seen) -> Any:
    found = seen.aws("route53").get_dnssec(HostedZoneId=seen.refs["Zone"])
    return one(found["KeySigningKeys"])["Status"]


def _signing(seen: Seen) -> Any:
    found = seen.aws("route53").get_dnssec(HostedZoneId=seen.ref)
    if found["Status"]["ServeSignature"] != "SIGNING":
        raise GoneError
    return True


def _certificate(seen: Seen) -> Any:
    acm = seen.aws("acm")
    found = acm.describe_certificate(CertificateArn=seen.ref)["Certificate"]
    known = acm.list_tags_for_certificate(CertificateArn=seen.ref)["Tags"]
    return {
        **part(found, "DomainName", "Status", "SubjectAlternativeNames"),
        "who": tag(known),
    }


def _key(seen: Seen) -> Any:
    kms = seen.aws("kms")
    found = kms.describe_key(KeyId=seen.ref)["KeyMetadata"]
    if found["KeyState"] == "PendingDeletion":
        raise GoneError
    policy = json.loads(kms.get_key_policy(KeyId=seen.ref, PolicyName="default")["Policy"])
    return {
        **part(found, "Description", "KeySpec", "MultiRegion"),
        "rotates": kms.get_key_rotation_status(KeyId=seen.ref)["KeyRotationEnabled"],
        "policy": one(policy["Statement"])["Sid"],
    }


def _alias(seen: Seen) -> Any:
    aliases = seen.aws("kms").list_aliases()["Aliases"]
    found = one(alias for alias in aliases if alias["AliasName"] == "alias/contract")
    names = {key: name for name, key in seen.refs.items()}
    return names[found["TargetKeyId"]]


def _policy(sid: str) -> dict[str, Any]:
    statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


_SIGNER = resource(
    "AWS::KMS::Key",
    KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY", KeyPolicy=_policy("all"),
)  # fmt: skip
_KSK = {
    "HostedZoneId": ref("Zone"),
    "KeyManagementServiceArn": att("Signer", "Arn"),
    "Name": "contract",
    "Status": "ACTIVE",
}
_HTTPS = {
    "Type": "HTTPS",
    "FullyQualifiedDomainName": "id.example.com",
    "Port": 443,
    "ResourcePath": "/health",
    "RequestInterval": 10,
    "FailureThreshold": 3,
    "EnableSNI": True,
}
_CHECK = resource("AWS::Route53::HealthCheck", HealthCheckConfig=_HTTPS)


def _alias_to(name: str) -> dict[str, Any]:
    return {"DNSName": name, "HostedZoneId": "Z35SXDOTRQ7X7K", "EvaluateTargetHealth": True}


ROWS = [
    Row(
        kind="AWS::Route53::HostedZone",
        properties={
            "Name": "first.example.",
            "HostedZoneConfig": {"Comment": "first"},
            "HostedZoneTags": tags(who="a"),
        },
        read=_zone,
        made={"Name": "first.example.", "says": "first", "who": "a"},
        update={"HostedZoneConfig": {"Comment": "second"}, "HostedZoneTags": tags(who="b")},
        changed={"Name": "first.example.", "says": "second", "who": "b"},
    ),
    Row(
        kind="AWS::Route53::RecordSet",
        beside={**_ZONE, "Check": _CHECK},
        properties={
            "HostedZoneId": ref("Zone"),
            "Name": "id.contract.example.",
            "Type": "A",
            "SetIdentifier": "primary",
            "Failover": "PRIMARY",
            "HealthCheckId": ref("Check"),
            "AliasTarget": _alias_to("first.example.com."),
        },
        read=_record,
        made={
            "Name": "id.contract.example.",
            "SetIdentifier": "primary",
            "Failover": "PRIMARY",
            "check": True,
            "to": "first.example.com.",
            "health": True,
        },
        update={"AliasTarget": _alias_to("second.example.com.")},
        changed={
            "Name": "id.contract.example.",
            "SetIdentifier": "primary",
            "Failover": "PRIMARY",
            "check": True,
            "to": "second.example.com.",
            "health": True,
        },
    ),
    Row(
        kind="AWS::Route53::HealthCheck",
        properties={"HealthCheckConfig": _HTTPS, "HealthCheckTags": tags(who="a")},
        read=_check,
        made={
            "Type": "HTTPS",
            "ResourcePath": "/health",
            "FailureThreshold": 3,
            "RequestInterval": 10,
            "EnableSNI": True,
            "who": "a",
        },
        update={
            "HealthCheckConfig": {**_HTTPS, "ResourcePath": "/second", "FailureThreshold": 2},
            "HealthCheckTags": tags(who="b"),
        },
        changed={
            "Type": "HTTPS",
            "ResourcePath": "/second",
            "FailureThreshold": 2,
            "RequestInterval": 10,
            "EnableSNI": True,
            "who": "b",
        },
    ),
    Row(
        kind="AWS::Route53::HealthCheck",
        what="of an alarm",
        properties={
            "HealthCheckConfig": {
                "Type": "CLOUDWATCH_METRIC",
                "AlarmIdentifier": {"Name": "left", "Region": "us-west-2"},
                "InsufficientDataHealthStatus": "LastKnownStatus",
            }
        },
        read=_alarm_check,
        made={
            "Type": "CLOUDWATCH_METRIC",
            "InsufficientDataHealthStatus": "LastKnownStatus",
            "alarm": {"Name": "left", "Region": "us-west-2"},
        },
    ),
    Row(
        kind="AWS::Route53::HealthCheck",
        what="of others",
        beside={"Check": _CHECK, "Other": _CHECK},
        properties={
            "HealthCheckConfig": {
                "Type": "CALCULATED",
                "HealthThreshold": 2,
                "ChildHealthChecks": [ref("Check"), ref("Other")],
            }
        },
        read=_both,
        made={"Type": "CALCULATED", "HealthThreshold": 2, "of": True},
        update={
            "HealthCheckConfig": {
                "Type": "CALCULATED",
                "HealthThreshold": 1,
                "ChildHealthChecks": [ref("Check"), ref("Other")],
            }
        },
        changed={"Type": "CALCULATED", "HealthThreshold": 1, "of": True},
    ),
    Row(
        kind="AWS::Route53::KeySigningKey",
        beside={**_ZONE, "Signer": _SIGNER},
        properties=_KSK,
        read=_signing_key,
        made="ACTIVE",
        update={"Status": "INACTIVE"},
        changed="INACTIVE",
    ),
    Row(
        kind="AWS::Route53::DNSSEC",
        beside={
            **_ZONE,
            "Signer": _SIGNER,
            "SigningKey": resource("AWS::Route53::KeySigningKey", **_KSK),
        },
        properties={"HostedZoneId": {"Fn::Select": [0, {"Fn::Split": ["|", ref("SigningKey")]}]}},
        read=_signing,
        made=True,
    ),
    Row(
        kind="AWS::CertificateManager::Certificate",
        properties={
            "DomainName": "id.example.com",
            "SubjectAlternativeNames": ["*.id.example.com"],
            "ValidationMethod": "DNS",
            "Tags": tags(who="a"),
        },
        read=_certificate,
        made={
            "DomainName": "id.example.com",
            "Status": "ISSUED",
            "SubjectAlternativeNames": ["id.example.com", "*.id.example.com"],
            "who": "a",
        },
        update={"Tags": tags(who="b")},
        changed={
            "DomainName": "id.example.com",
            "Status": "ISSUED",
            "SubjectAlternativeNames": ["id.example.com", "*.id.example.com"],
            "who": "b",
        },
    ),
    Row(
        kind="AWS::KMS::Key",
        properties={
            "Description": "first",
            "EnableKeyRotation": True,
            "KeyPolicy": _policy("first"),
            "MultiRegion": True,
        },
        read=_key,
        made={
            "Description": "first",
            "KeySpec": "SYMMETRIC_DEFAULT",
            "MultiRegion": True,
            "rotates": True,
            "policy": "first",
        },
        update={
            "Description": "second",
            "EnableKeyRotation": False,
            "KeyPolicy": _policy("second"),
        },
        changed={
            "Description": "second",
            "KeySpec": "SYMMETRIC_DEFAULT",
            "MultiRegion": True,
            "rotates": False,
            "policy": "second",
        },
    ),
    Row(
        kind="AWS::KMS::Alias",
        beside={
            name: resource("AWS::KMS::Key", KeyPolicy=_policy("all")) for name in ("One", "Two")
        },
        properties={"AliasName": "alias/contract", "TargetKeyId": ref("One")},
        read=_alias,
        made="One",
        update={"TargetKeyId": ref("Two")},
        changed="Two",
    ),
]

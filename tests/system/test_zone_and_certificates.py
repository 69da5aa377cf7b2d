"""The zone of the whole system, its signature, and a certificate in each Region."""

from __future__ import annotations

import json
from dataclasses import replace

import aws_cdk as cdk
import pytest

from config.environments import PRODUCTION
from stacks.composition.environment import compose


def test_there_is_one_zone_and_it_bears_the_domain(system):
    [zone] = system.of_type("AWS::Route53::HostedZone")
    assert zone.properties["Name"] == f"{system.environment.domain}."
    assert zone.stack is system.dns()


def test_only_amazon_may_issue_certificates(system):
    [record] = [
        item.properties
        for item in system.of_type("AWS::Route53::RecordSet")
        if item.properties["Type"] == "CAA"
    ]
    assert record["Name"] == f"{system.environment.domain}."
    assert record["ResourceRecords"] == ['0 issue "amazon.com"']


def test_records_can_be_changed_while_us_east_1_is_away(system):
    [zone] = system.of_type("AWS::Route53::HostedZone")
    assert zone.properties["HostedZoneFeatures"] == {"EnableAcceleratedRecovery": True}


def test_the_zone_of_production_is_signed(production_system):
    [signed] = production_system.of_type("AWS::Route53::DNSSEC")
    [key] = production_system.of_type("AWS::Route53::KeySigningKey")
    assert key.properties["Status"] == "ACTIVE"
    made = production_system.resource(key.stack, key.properties["KeyManagementServiceArn"])
    assert made.properties["KeySpec"] == "ECC_NIST_P256"
    assert made.stack.region == "us-east-1"  # Route 53 reads keys there alone
    zone = production_system.resource(signed.stack, signed.properties["HostedZoneId"])
    assert zone.stack is production_system.dns()


@pytest.mark.parametrize("environment", ["small", "dev"])
def test_the_zone_is_not_signed_where_the_configuration_says_so(systems, environment):
    assert systems(environment).environment.dnssec is False
    assert list(systems(environment).of_type("AWS::Route53::DNSSEC")) == []
    assert list(systems(environment).of_type("AWS::Route53::KeySigningKey")) == []


def test_each_region_has_a_certificate_for_the_domain_and_every_tenant(system):
    domain = system.environment.domain
    for region in system.regions:
        [certificate] = system.of_type("AWS::CertificateManager::Certificate", region)
        assert certificate.properties["DomainName"] == domain
        assert certificate.properties["SubjectAlternativeNames"] == [f"*.{domain}"]


def test_certificates_are_renewed_without_a_person(system):
    """DNS validation: the record stays in the zone, and AWS renews against it."""
    for certificate in system.of_type("AWS::CertificateManager::Certificate"):
        assert certificate.properties["ValidationMethod"] == "DNS"
        for option in certificate.properties["DomainValidationOptions"]:
            zone = system.resource(certificate.stack, option["HostedZoneId"])
            assert zone.stack is system.dns()


def test_the_name_servers_and_the_zone_s_id_are_outputs(system):
    outputs = system.dns().template["Outputs"].values()
    assert {"Fn::GetAtt", "Ref"} <= {
        key for output in outputs for key in json_keys(output["Value"])
    }


def json_keys(value) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for inner in value.values() for key in json_keys(inner)}
    if isinstance(value, list):
        return {key for inner in value for key in json_keys(inner)}
    return set()


@pytest.fixture(scope="module")
def with_a_known_zone(tmp_path_factory):
    """Production once its zone's id is in the configuration: name of stack -> template, text."""
    folder = tmp_path_factory.mktemp("known_zone")
    app = cdk.App(outdir=str(folder))
    compose(app, replace(PRODUCTION, hosted_zone_id="Z0123456789ABC"))
    manifest = json.loads((folder / app.synth().directory / "manifest.json").read_text())
    return {
        artifact["properties"]["stackName"]: (
            (folder / artifact["properties"]["templateFile"]).read_text(),
            artifact.get("dependencies", []),
        )
        for artifact in manifest["artifacts"].values()
        if artifact["type"] == "aws:cloudformation:stack"
    }


def test_with_a_known_zone_no_region_asks_the_zone_s_stack(with_a_known_zone):
    """Which stands in the Region that may be down."""
    for name, (template, dependencies) in with_a_known_zone.items():
        if not name.endswith("-dns"):
            assert "mainstay-production-dns" not in template
            assert "Dns" not in dependencies


def test_with_a_known_zone_records_and_certificates_name_it(with_a_known_zone):
    for name, (template, _) in with_a_known_zone.items():
        if name.endswith(("-records", "-certificate")):
            assert '"HostedZoneId": "Z0123456789ABC"' in template

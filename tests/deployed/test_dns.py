"""Names, health checks and certificates, by the APIs of the deployed production."""

import pytest

from config.environments import PRODUCTION

_DOMAIN = PRODUCTION.domain
_REGIONS = [region.name for region in PRODUCTION.regions]


@pytest.fixture(scope="module")
def records(deployed) -> list[dict]:
    (zone,) = deployed.of_type("AWS::Route53::HostedZone")
    pages = deployed.client("route53", zone.region).get_paginator("list_resource_record_sets")
    return [
        record
        for page in pages.paginate(HostedZoneId=zone.ref)
        for record in page["ResourceRecordSets"]
    ]


@pytest.fixture(scope="module")
def checks(deployed) -> dict[str, dict]:
    pages = deployed.client("route53", "us-east-1").get_paginator("list_health_checks").paginate()
    return {
        check["Id"]: check["HealthCheckConfig"] for page in pages for check in page["HealthChecks"]
    }


def _public_balancer(deployed, region: str) -> dict:
    balancer = deployed.named(region, "edge", "PublicBalancer")
    return deployed.client("elbv2", region).describe_load_balancers(
        LoadBalancerArns=[balancer.ref]
    )["LoadBalancers"][0]


def _of(records, name: str, kind: str = "A") -> list[dict]:
    return [one for one in records if (one["Name"], one["Type"]) == (name, kind)]


def test_there_is_one_public_zone_of_the_domain(deployed):
    (zone,) = deployed.client("route53", "us-east-1").list_hosted_zones()["HostedZones"]
    assert zone["Name"] == f"{_DOMAIN}."
    assert not zone["Config"]["PrivateZone"]


@pytest.mark.parametrize("name", [f"{_DOMAIN}.", f"*.{_DOMAIN}."])
def test_the_domain_and_every_tenant_fail_over_from_the_primary_to_the_standby(records, name):
    places = {one["SetIdentifier"]: one["Failover"] for one in _of(records, name)}
    assert places == dict(zip(_REGIONS, ("PRIMARY", "SECONDARY"), strict=True))


@pytest.mark.parametrize("name", [f"{_DOMAIN}.", f"*.{_DOMAIN}."])
def test_each_record_leads_to_the_public_load_balancer_of_its_region(deployed, records, name):
    for record in _of(records, name):
        balancer = _public_balancer(deployed, record["SetIdentifier"])
        assert record["AliasTarget"] == {
            "DNSName": f"dualstack.{balancer['DNSName']}.",
            "HostedZoneId": balancer["CanonicalHostedZoneId"],
            "EvaluateTargetHealth": True,
        }


def test_each_region_has_a_record_of_its_own_that_never_fails_over(deployed, records):
    for region in _REGIONS:
        (record,) = _of(records, f"{region}.{_DOMAIN}.")
        assert "Failover" not in record
        assert _public_balancer(deployed, region)["DNSName"] in record["AliasTarget"]["DNSName"]


@pytest.mark.parametrize("region", _REGIONS)
def test_a_region_is_in_dns_while_its_login_works_and_nobody_took_it_out(records, checks, region):
    for name in (f"{_DOMAIN}.", f"*.{_DOMAIN}."):
        (record,) = [one for one in _of(records, name) if one["SetIdentifier"] == region]
        both = checks[record["HealthCheckId"]]
        assert both["Type"] == "CALCULATED"
        children = [checks[child] for child in both["ChildHealthChecks"]]
        assert both["HealthThreshold"] == len(children) == 2
        assert [child["Type"] for child in children] == ["HTTPS", "CLOUDWATCH_METRIC"]


@pytest.mark.parametrize("region", _REGIONS)
def test_the_login_is_checked_over_tls_at_the_regions_own_name(records, checks, region):
    (login,) = [
        check
        for check in checks.values()
        if check.get("FullyQualifiedDomainName") == f"{region}.{_DOMAIN}"
    ]
    assert login["ResourcePath"] == "/health/login"
    assert (login["Port"], login["EnableSNI"], login["RequestInterval"]) == (443, True, 10)
    assert _of(records, f"{region}.{_DOMAIN}.")


@pytest.mark.parametrize("region", _REGIONS)
def test_the_alarm_that_takes_a_region_out_stands_in_the_other_region(deployed, checks, region):
    (check,) = [
        checks[check.ref]
        for check in deployed.of_type("AWS::Route53::HealthCheck")
        if check.region == region and "AlarmIdentifier" in checks[check.ref]
    ]
    alarm = check["AlarmIdentifier"]
    assert alarm["Region"] != region
    assert check["InsufficientDataHealthStatus"] == "LastKnownStatus"
    cloudwatch = deployed.client("cloudwatch", alarm["Region"])
    (found,) = cloudwatch.describe_alarms(AlarmNames=[alarm["Name"]])["MetricAlarms"]
    assert {"Name": "Region", "Value": region} in found["Dimensions"]


def test_only_amazon_may_issue_certificates_for_the_domain(records):
    (caa,) = _of(records, f"{_DOMAIN}.", "CAA")
    assert caa["ResourceRecords"] == [{"Value": '0 issue "amazon.com"'}]


@pytest.mark.parametrize("region", _REGIONS)
def test_each_region_has_a_certificate_for_the_domain_and_every_tenant(deployed, region):
    acm = deployed.client("acm", region)
    (listed,) = acm.list_certificates(Includes={"keyTypes": ["RSA_2048", "EC_prime256v1"]})[
        "CertificateSummaryList"
    ]
    found = acm.describe_certificate(CertificateArn=listed["CertificateArn"])["Certificate"]
    assert found["DomainName"] == _DOMAIN
    assert set(found["SubjectAlternativeNames"]) == {_DOMAIN, f"*.{_DOMAIN}"}
    assert {one["ValidationMethod"] for one in found["DomainValidationOptions"]} == {"DNS"}

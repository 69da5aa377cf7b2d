"""Load balancers and the firewall, by the APIs of the deployed production."""

import pytest

from config.environments import PRODUCTION

_REGIONS = PRODUCTION.regions
_BOTH = [("edge", "PublicBalancer"), ("app", "AppBalancer")]
_REQUEST = PRODUCTION.front_door.longest_request_seconds


@pytest.fixture(params=_REGIONS, ids=lambda region: region.name)
def region(request):
    return request.param


def _balancer(deployed, region, part: str, name: str) -> dict:
    resource = deployed.named(region.name, part, name)
    answer = deployed.client("elbv2", region.name).describe_load_balancers(
        LoadBalancerArns=[resource.ref]
    )
    return answer["LoadBalancers"][0]


def _listeners(deployed, region, balancer: dict) -> dict[int, dict]:
    answer = deployed.client("elbv2", region.name).describe_listeners(
        LoadBalancerArn=balancer["LoadBalancerArn"]
    )
    return {listener["Port"]: listener for listener in answer["Listeners"]}


def _target_group(deployed, region, part: str, name: str) -> str:
    return deployed.named(region.name, part, f"{name}Targets").ref


def _attributes(answer: dict) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in answer["Attributes"]}


@pytest.mark.parametrize(("part", "name"), _BOTH)
def test_each_load_balancer_stands_in_every_zone(deployed, region, part, name):
    balancer = _balancer(deployed, region, part, name)
    zones = deployed.client("ec2", region.name).describe_availability_zones()["AvailabilityZones"]
    id_of = {zone["ZoneName"]: zone["ZoneId"] for zone in zones}
    stands = {id_of[zone["ZoneName"]] for zone in balancer["AvailabilityZones"]}
    assert stands == set(region.zone_ids)


def test_only_one_load_balancer_faces_the_internet(deployed, region):
    schemes = {name: _balancer(deployed, region, part, name)["Scheme"] for part, name in _BOTH}
    assert schemes == {"PublicBalancer": "internet-facing", "AppBalancer": "internal"}


@pytest.mark.parametrize(("part", "name"), _BOTH)
def test_ambiguous_requests_are_refused(deployed, region, part, name):
    balancer = _balancer(deployed, region, part, name)
    attributes = _attributes(
        deployed.client("elbv2", region.name).describe_load_balancer_attributes(
            LoadBalancerArn=balancer["LoadBalancerArn"]
        )
    )
    expected = {
        "routing.http.desync_mitigation_mode": "strictest",
        "routing.http.drop_invalid_header_fields.enabled": "true",
        "deletion_protection.enabled": "true",
        "zonal_shift.config.enabled": "true",
        "access_logs.s3.enabled": "true",
        "idle_timeout.timeout_seconds": str(_REQUEST),
    }
    assert expected.items() <= attributes.items()


@pytest.mark.parametrize(("part", "name"), _BOTH)
def test_each_load_balancer_speaks_tls_1_2_and_1_3_only(deployed, region, part, name):
    listener = _listeners(deployed, region, _balancer(deployed, region, part, name))[443]
    assert listener["Protocol"] == "HTTPS"
    assert listener["SslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2-")
    (certificate,) = listener["Certificates"]
    arn = certificate["CertificateArn"]
    assert deployed.client("acm", region.name).describe_certificate(CertificateArn=arn)


def test_plain_http_is_redirected(deployed, region):
    listeners = _listeners(deployed, region, _balancer(deployed, region, "edge", "PublicBalancer"))
    assert set(listeners) == {80, 443}
    (action,) = listeners[80]["DefaultActions"]
    assert action["RedirectConfig"].items() >= {
        ("Protocol", "HTTPS"),
        ("Port", "443"),
        ("StatusCode", "HTTP_301"),
    }


def test_the_edge_is_the_only_target_of_the_public_load_balancer(deployed, region):
    balancer = _balancer(deployed, region, "edge", "PublicBalancer")
    (action,) = _listeners(deployed, region, balancer)[443]["DefaultActions"]
    assert action["TargetGroupArn"] == _target_group(deployed, region, "edge", "EdgeNginx")


def test_both_halves_serve_every_path_with_equal_weight(deployed, region):
    listener = _listeners(deployed, region, _balancer(deployed, region, "app", "AppBalancer"))[443]
    rules = deployed.client("elbv2", region.name).describe_rules(
        ListenerArn=listener["ListenerArn"]
    )
    (weighted,) = [rule for rule in rules["Rules"] if rule["Priority"] == "100"]
    assert weighted["Conditions"][0]["PathPatternConfig"] == {"Values": ["/*"]}
    (action,) = weighted["Actions"]
    assert action["ForwardConfig"]["TargetGroupStickinessConfig"] == {"Enabled": False}
    weights = {
        target["TargetGroupArn"]: target["Weight"]
        for target in action["ForwardConfig"]["TargetGroups"]
    }
    halves = (_target_group(deployed, region, "app", half) for half in ("AppBlue", "AppGreen"))
    assert weights == dict.fromkeys(halves, 50)


@pytest.mark.parametrize(
    ("part", "name", "protocol", "path"),
    [
        ("edge", "EdgeNginx", "HTTPS", "/healthz"),
        ("app", "AppBlue", "HTTP", "/health/ready"),
        ("app", "AppGreen", "HTTP", "/health/ready"),
    ],
)
def test_each_target_is_checked_and_drains(deployed, region, part, name, protocol, path):
    elbv2 = deployed.client("elbv2", region.name)
    arn = _target_group(deployed, region, part, name)
    (group,) = elbv2.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
    assert (group["Protocol"], group["TargetType"]) == (protocol, "ip")
    assert (group["HealthCheckPath"], group["HealthCheckProtocol"]) == (path, protocol)
    attributes = _attributes(elbv2.describe_target_group_attributes(TargetGroupArn=arn))
    assert attributes["stickiness.enabled"] == "false"
    assert int(attributes["deregistration_delay.timeout_seconds"]) > _REQUEST


def test_the_firewall_stands_before_the_public_load_balancer(deployed, region):
    balancer = _balancer(deployed, region, "edge", "PublicBalancer")
    acl = deployed.client("wafv2", region.name).get_web_acl_for_resource(
        ResourceArn=balancer["LoadBalancerArn"]
    )["WebACL"]
    actions = {
        rule["Name"]: rule.get("Action", rule.get("OverrideAction")) for rule in acl["Rules"]
    }
    assert actions["ClientOfTenant"] == {"Block": {}}
    assert actions["TenantCeiling"] == {"Count": {}}
    assert acl["DefaultAction"] == {"Allow": {}}
    groups = [
        rule["Statement"]["ManagedRuleGroupStatement"]["Name"]
        for rule in acl["Rules"]
        if "ManagedRuleGroupStatement" in rule["Statement"]
    ]
    assert {"AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet"} <= set(groups)


def test_floods_are_counted_per_client_and_tenant(deployed, region):
    acl = deployed.named(region.name, "edge", "FirewallWebAcl")
    name, acl_id, scope = acl.ref.split("|")
    waf = deployed.client("wafv2", region.name)
    found = waf.get_web_acl(Name=name, Id=acl_id, Scope=scope)["WebACL"]
    rates = {
        rule["Name"]: rule["Statement"]["RateBasedStatement"]
        for rule in found["Rules"]
        if "RateBasedStatement" in rule["Statement"]
    }
    by = {
        name: sorted(kind for key in rate["CustomKeys"] for kind in key)
        for name, rate in rates.items()
    }
    assert by == {
        "ClientOfTenant": ["Header", "IP"],
        "Client": ["IP"],
        "Tokens": ["IP"],
        "TenantCeiling": ["Header"],
    }
    front_door = PRODUCTION.front_door
    assert {name: rate["Limit"] for name, rate in rates.items()} == {
        "ClientOfTenant": front_door.requests_per_client_per_minute,
        "Client": 5 * front_door.requests_per_client_per_minute,
        "Tokens": front_door.requests_per_tenant_per_minute // 4,
        "TenantCeiling": front_door.requests_per_tenant_per_minute,
    }
    assert {rate["EvaluationWindowSec"] for rate in rates.values()} == {60}


def test_the_firewalls_log_hides_what_signs_a_user_in(deployed, region):
    name, acl_id, scope = deployed.named(region.name, "edge", "FirewallWebAcl").ref.split("|")
    waf = deployed.client("wafv2", region.name)
    known = waf.get_web_acl(Name=name, Id=acl_id, Scope=scope)["WebACL"]
    logging = waf.get_logging_configuration(ResourceArn=known["ARN"])
    redacted = logging["LoggingConfiguration"]["RedactedFields"]
    headers = {field["SingleHeader"]["Name"] for field in redacted if "SingleHeader" in field}
    assert {"authorization", "cookie"} <= headers
    (destination,) = logging["LoggingConfiguration"]["LogDestinationConfigs"]
    name = destination.rpartition(":")[2]
    assert name.startswith("aws-waf-logs-")  # AWS WAF takes no other (AWS WAF Developer Guide)
    logs = deployed.client("logs", region.name)
    assert logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]

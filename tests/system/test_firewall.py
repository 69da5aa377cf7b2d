"""AWS WAF before the public load balancer."""

from __future__ import annotations

import re

import pytest

from mainstay.edge.firewall import MANAGED_GROUPS

# AWS WAF Developer Guide, "AWS WAF web ACL capacity units": a rate rule costs 2, 30 for each
# custom key, and 10 for each text transformation of one; a regular expression costs 3.
RATE_RULE, CUSTOM_KEY, TRANSFORMATION, REGEX = 2, 30, 10, 3
CAPACITY_AT_THE_BASIC_PRICE = 1_500


@pytest.fixture(scope="session")
def web_acls(system):
    found = list(system.of_type("AWS::WAFv2::WebACL"))
    assert [item.stack.region for item in found] == system.regions
    return found


def rule(acl, name: str) -> dict:
    return next(item for item in acl.properties["Rules"] if item["Name"] == name)


def keys(rate_rule: dict) -> list[str]:
    found = rate_rule["Statement"]["RateBasedStatement"]["CustomKeys"]
    return [key.get("Header", {}).get("Name", next(iter(key))) for key in found]


def test_every_region_s_public_load_balancer_is_behind_it(system):
    for region in system.regions:
        [association] = system.of_type("AWS::WAFv2::WebACLAssociation", region)
        balancer = system.resource(association.stack, association.properties["ResourceArn"])
        assert balancer.properties["Scheme"] == "internet-facing"
        acl = system.resource(association.stack, association.properties["WebACLArn"])
        assert acl.stack.region == region


def test_a_client_that_floods_a_tenant_is_blocked_there_alone(system, web_acls):
    """The count is by address and Host: the same office still reaches other tenants."""
    for acl in web_acls:
        found = rule(acl, "ClientOfTenant")
        assert found["Action"] == {"Block": {}}
        assert keys(found) == ["IP", "host"]
        statement = found["Statement"]["RateBasedStatement"]
        assert statement["AggregateKeyType"] == "CUSTOM_KEYS"
        assert statement["EvaluationWindowSec"] == 60
        limit = system.environment.front_door.requests_per_client_per_minute
        assert statement["Limit"] == limit


def test_a_port_makes_no_second_count_of_a_host(web_acls):
    """The first rule blocks a Host with any port but the two that the balancer listens on."""
    for acl in web_acls:
        found = rule(acl, "OtherPort")
        assert (found["Action"], found["Priority"]) == ({"Block": {}}, 0)
        lawful = found["Statement"]["NotStatement"]["Statement"]["RegexMatchStatement"]
        assert lawful["FieldToMatch"] == {"SingleHeader": {"Name": "host"}}
        for host in ("acme.id.example.com", "ACME.id.example.com.", "acme.id.example.com:443"):
            assert re.search(lawful["RegexString"], host)
        for host in ("acme.id.example.com:444", "acme.id.example.com:0443", "a:443:9", "a:"):
            assert not re.search(lawful["RegexString"], host)


def test_a_client_is_blocked_by_its_address_alone_however_it_writes_hosts(system, web_acls):
    for acl in web_acls:
        found = rule(acl, "Client")
        assert (found["Action"], keys(found)) == ({"Block": {}}, ["IP"])
        limit = system.environment.front_door.requests_per_client_per_minute
        assert found["Statement"]["RateBasedStatement"]["Limit"] == 5 * limit


def test_what_asks_about_tokens_has_a_limit_of_its_own(system, web_acls):
    """Far above that of what may guess, and no path is in neither."""
    for acl in web_acls:
        found = rule(acl, "Tokens")
        assert (found["Action"], keys(found)) == ({"Block": {}}, ["IP"])
        statement = found["Statement"]["RateBasedStatement"]
        front_door = system.environment.front_door
        assert statement["Limit"] > 2 * front_door.requests_per_client_per_minute
        tokens = statement["ScopeDownStatement"]
        pattern = tokens["RegexMatchStatement"]["RegexString"]
        for path in ("/oauth2/v1/introspect", "/oauth2/v1/revoke", "/api/v1/sessions/me/refresh"):
            assert re.search(pattern, path)
        for path in ("/api/v1/authn", "/oauth2/v1/token", "//oauth2/v1/revoke"):
            assert not re.search(pattern, path)
        for name in ("Client", "ClientOfTenant"):
            others = rule(acl, name)["Statement"]["RateBasedStatement"]["ScopeDownStatement"]
            assert others == {"NotStatement": {"Statement": tokens}}


def test_a_tenant_s_ceiling_counts_and_labels_and_never_blocks(system, web_acls):
    """If it blocked, one attacker could lock a whole tenant out."""
    for acl in web_acls:
        found = rule(acl, "TenantCeiling")
        assert found["Action"] == {"Count": {}}
        assert found["RuleLabels"] == [{"Name": "mainstay:tenant-over-ceiling"}]
        assert keys(found) == ["host"]
        limit = system.environment.front_door.requests_per_tenant_per_minute
        assert found["Statement"]["RateBasedStatement"]["Limit"] == limit


def test_a_host_counts_as_one_however_it_is_written(web_acls):
    for acl in web_acls:
        for name in ("ClientOfTenant", "TenantCeiling"):
            custom = rule(acl, name)["Statement"]["RateBasedStatement"]["CustomKeys"]
            [host] = [key["Header"] for key in custom if "Header" in key]
            assert host["TextTransformations"] == [{"Priority": 0, "Type": "LOWERCASE"}]


@pytest.mark.parametrize(
    ("environment", "override"),
    [("production", {"None": {}}), ("small", {"Count": {}}), ("dev", {"Count": {}})],
)
def test_the_managed_rules_block_in_production_and_count_before_it(systems, environment, override):
    for acl in systems(environment).of_type("AWS::WAFv2::WebACL"):
        for name in MANAGED_GROUPS:
            assert rule(acl, name)["OverrideAction"] == override


def test_the_managed_rules_are_those_of_aws(web_acls):
    for acl in web_acls:
        found = [
            item["Statement"]["ManagedRuleGroupStatement"]
            for item in acl.properties["Rules"]
            if "ManagedRuleGroupStatement" in item["Statement"]
        ]
        assert {item["VendorName"] for item in found} == {"AWS"}
        assert [item["Name"] for item in found] == list(MANAGED_GROUPS)


def test_rate_rules_come_before_the_managed_ones(web_acls):
    for acl in web_acls:
        ordered = sorted(acl.properties["Rules"], key=lambda item: item["Priority"])
        names = ["OtherPort", "ClientOfTenant", "Client", "Tokens", "TenantCeiling"]
        assert [item["Name"] for item in ordered[:5]] == names
        assert len({item["Priority"] for item in ordered}) == len(ordered)


def test_the_capacity_stays_within_the_basic_price(web_acls):
    for acl in web_acls:
        total = sum(MANAGED_GROUPS.values())
        for item in acl.properties["Rules"]:
            if "RateBasedStatement" in item["Statement"]:
                texts = str(item).count("'Type': 'LOWERCASE'")
                total += RATE_RULE + CUSTOM_KEY * len(keys(item)) + TRANSFORMATION * texts
            total += (REGEX + TRANSFORMATION) * str(item).count("RegexMatchStatement")
        assert total <= CAPACITY_AT_THE_BASIC_PRICE


def test_what_it_acted_on_is_logged_in_the_region(system, web_acls):
    for acl in web_acls:
        [log] = system.of_type("AWS::WAFv2::LoggingConfiguration", acl.stack.region)
        assert log.properties["ResourceArn"]["Fn::GetAtt"][0] == acl.logical_id
        [destination] = log.properties["LogDestinationConfigs"]
        prefix, group = destination["Fn::Join"][1]
        assert prefix.endswith(f":{system.environment.account}:log-group:")
        found = system.resource(log.stack, group)
        assert found.properties["LogGroupName"].startswith("aws-waf-logs-")
        assert log.properties["LoggingFilter"]["DefaultBehavior"] == "DROP"


def test_what_proves_who_a_user_is_stays_out_of_the_log(system):
    for log in system.of_type("AWS::WAFv2::LoggingConfiguration"):
        redacted = log.properties["RedactedFields"]
        for name in ("authorization", "cookie"):
            assert {"SingleHeader": {"Name": name}} in redacted
        assert {"QueryString": {}} in redacted

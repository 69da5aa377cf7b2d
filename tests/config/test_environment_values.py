"""The values of an environment as a whole: names, account, domain, limits, types."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from config.environments import DEV, PRODUCTION
from config.model import LegacyEdge
from config.problems import InvalidEnvironmentError, reported_together


def refused(**changes: Any) -> str:
    """What is said about production with these changes; the test fails when it is accepted."""
    with pytest.raises(InvalidEnvironmentError) as refusal:
        replace(PRODUCTION, **changes)
    return str(refusal.value)


def door(**changes: Any) -> str:
    return refused(front_door=replace(PRODUCTION.front_door, **changes))


def test_refuses_a_domain_too_long_for_a_certificate():
    assert "of at most 64 characters" in refused(domain=f"{'a' * 50}.{'b' * 10}.test")


@pytest.mark.parametrize(
    "domain",
    ["example", "", "id..example.com", "-id.example.com", "id.example.com.", "ID.example.com"],
)
def test_refuses_a_domain_that_is_not_one(domain: str):
    message = refused(domain=domain)
    assert "'production.domain' should be a domain such as id.example.com" in message
    assert f"got '{domain}'" in message


@pytest.mark.parametrize("account", ["12345678901", "1234567890123", "my-account-12", ""])
def test_refuses_an_account_that_is_not_12_digits(account: str):
    assert f"'production.account' should be 12 digits, got '{account}'" in refused(account=account)


def test_refuses_a_name_that_makes_a_plan_name_too_long():
    message = refused(name="production-of-the-company")
    assert (
        "'name' makes the plan name 'mainstay-production-of-the-company' 34 characters" in message
    )
    assert "takes 32: shorten it to 23" in message


def test_accepts_the_longest_name_that_a_plan_takes():
    assert len(replace(PRODUCTION, name="p" * 23).name) == 23


@pytest.mark.parametrize("name", ["Production", "1st", "pro_duction", ""])
def test_refuses_a_name_that_stacks_cannot_bear(name: str):
    message = refused(name=name)
    assert "'name' should be lower-case letters, digits and hyphens" in message
    assert f"got '{name}'" in message


def test_refuses_a_hosted_zone_id_that_is_not_one():
    message = refused(hosted_zone_id="id.example.com")
    assert "'production.hosted_zone_id' should look like Z0123ABC, got 'id.example.com'" in message


def test_refuses_a_log_retention_that_cloudwatch_lacks():
    message = refused(log_retention_days=45)
    assert "'production.log_retention_days' should be one of 1, 3, 5, " in message
    assert "got 45" in message


@pytest.mark.parametrize("repository", ["mainstay", "a/b/c", "https://host.example/a/b"])
def test_refuses_a_repository_that_is_not_owner_and_name(repository: str):
    message = refused(github_repository=repository)
    assert f"'production.github_repository' should be owner/name, got '{repository}'" in message


def test_refuses_a_client_limit_below_what_waf_takes():
    message = door(requests_per_client_per_minute=9)
    assert "requests_per_client_per_minute' should be at least 10, got 9" in message


def test_refuses_a_tenant_limit_that_one_client_can_reach():
    message = door(requests_per_tenant_per_minute=600)
    assert "requests_per_tenant_per_minute' should be above that of one client (600)" in message
    assert "got 600" in message


@pytest.mark.parametrize("seconds", [4, 106])
def test_refuses_a_longest_request_that_timeouts_or_a_stop_cannot_follow(seconds: int):
    message = door(longest_request_seconds=seconds)
    assert f"longest_request_seconds' should be 5 to 105, got {seconds}" in message


@pytest.mark.parametrize("seconds", [59, 601])
def test_refuses_a_keep_alive_out_of_range(seconds: int):
    message = door(client_keep_alive_seconds=seconds)
    assert "client_keep_alive_seconds' should be 60 to 600" in message
    assert f"got {seconds}" in message


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("account", 111122223333, "'production.account' should be text, got 111122223333"),
        ("dnssec", "yes", "'production.dnssec' should be True or False, got 'yes'"),
        ("keep_data", 1, "'production.keep_data' should be True or False, got 1"),
        ("log_retention_days", "30", "should be a whole number, got '30'"),
        ("log_retention_days", True, "should be a whole number, got True"),
        ("standby", "us-west-2", "'production.standby' should be a Region, got 'us-west-2'"),
        ("edge", None, "'production.edge' should be a TierSize, got None"),
        ("hosted_zone_id", 5, "'production.hosted_zone_id' should be text, got 5"),
        ("routing", "weighted", "should be 'failover' or 'latency', got 'weighted'"),
        ("egress", "NAT", "should be 'nat' or 'endpoints', got 'NAT'"),
    ],
)
def test_refuses_a_value_of_the_wrong_type(field: str, value: Any, message: str):
    assert message in refused(**{field: value})


def test_refuses_a_list_of_zones():
    message = refused(primary=replace(PRODUCTION.primary, zone_ids=["use1-az1", "use1-az2"]))
    assert "'production.primary.zone_ids' should be a tuple of str, such as (value,)" in message


def test_refuses_a_zone_that_is_not_text():
    message = refused(primary=replace(PRODUCTION.primary, zone_ids=("use1-az1", 2)))
    assert "'production.primary.zone_ids[1]' should be text, got 2" in message


def test_refuses_an_unknown_mode_of_the_managed_rules():
    assert "should be 'count' or 'block', got 'off'" in door(managed_rules="off")


def test_reports_every_problem_of_an_environment_at_once():
    message = refused(
        account="1",
        domain="x",
        primary=replace(PRODUCTION.primary, cidr="10.0.0.0/99"),
        edge=replace(PRODUCTION.edge, peak_tasks=0),
    )
    assert message.startswith("4 problems in the environment file:\n  - ")
    for name in ("account", "domain", "primary.cidr", "edge.peak_tasks"):
        assert f"'production.{name}'" in message


def test_reports_the_problems_of_several_environments_at_once():
    def file() -> None:
        with reported_together():
            replace(PRODUCTION, account="1")
            replace(DEV, domain="x")

    with pytest.raises(InvalidEnvironmentError) as refusal:
        file()
    assert len(refusal.value.problems) == 2
    assert "'production.account'" in refusal.value.problems[0]
    assert "'dev.domain'" in refusal.value.problems[1]


def test_a_single_problem_is_counted_as_one():
    assert refused(account="1").startswith("1 problem in the environment file:\n  - ")


ARN = "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/legacy/0123456789abcdef"
LEGACY_EDGE = LegacyEdge(target_group_arn=ARN, cidr="10.0.96.0/20", port=443)


def test_accepts_a_legacy_edge():
    region = replace(PRODUCTION.primary, legacy_edge=LEGACY_EDGE)
    assert replace(PRODUCTION, primary=region).primary.legacy_edge == LEGACY_EDGE


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target_group_arn": ARN.replace("east", "west")}, "a target group in us-east-1"),
        ({"target_group_arn": "legacy"}, "a target group in us-east-1, got 'legacy'"),
        ({"cidr": "0.0.0.0/0"}, "legacy_edge.cidr' should be a private range"),
        ({"cidr": "here"}, "legacy_edge.cidr' should be a private range"),
        ({"port": 0}, "legacy_edge.port' should be 1 to 65535, got 0"),
        ({"port": "443"}, "legacy_edge.port' should be a whole number"),
    ],
)
def test_refuses_a_legacy_edge_that_cannot_be(changes: dict[str, Any], message: str):
    region = replace(PRODUCTION.primary, legacy_edge=replace(LEGACY_EDGE, **changes))
    assert message in refused(primary=region)

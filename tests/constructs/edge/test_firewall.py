"""The firewall's two modes."""

from __future__ import annotations

import pytest

from mainstay.edge.firewall import Firewall, RateLimits


@pytest.fixture
def rules(stack, balancer, log_group, made):
    def rules(managed_rules):
        Firewall(
            stack,
            "Firewall",
            load_balancer=balancer,
            managed_rules=managed_rules,
            rate_limits=RateLimits(client=100, tenant=1_000),
            log_group=log_group,
        )
        [acl] = made("AWS::WAFv2::WebACL").values()
        return acl["Rules"]

    return rules


def test_a_body_as_long_as_the_edge_takes_is_never_blocked(rules):
    """The common rules know 8 KB; a SAML response is longer, and the edge takes 1 MB."""
    common = next(
        rule["Statement"]["ManagedRuleGroupStatement"]
        for rule in rules("block")
        if rule["Name"] == "AWSManagedRulesCommonRuleSet"
    )
    assert common["RuleActionOverrides"] == [
        {"ActionToUse": {"Count": {}}, "Name": "SizeRestrictions_BODY"}
    ]


@pytest.mark.parametrize(("mode", "override"), [("count", "Count"), ("block", "None")])
def test_the_mode_is_that_of_every_managed_group(rules, mode, override):
    managed = [rule for rule in rules(mode) if "OverrideAction" in rule]
    assert [rule["OverrideAction"] for rule in managed] == [{override: {}}] * 4


@pytest.mark.parametrize("mode", ["count", "block"])
def test_a_client_above_its_rate_is_blocked_in_either_mode(rules, mode):
    _, *clients, tenant = [rule for rule in rules(mode) if "Action" in rule]
    assert [client["Action"] for client in clients] == [{"Block": {}}] * 3
    assert tenant["Action"] == {"Count": {}}


def test_the_limits_are_those_asked_for(rules):
    limits = [
        rule["Statement"]["RateBasedStatement"]["Limit"]
        for rule in rules("block")
        if "RateBasedStatement" in rule["Statement"]
    ]
    assert limits == [100, 500, 250, 1_000]

"""AWS WAF before the public load balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import aws_cdk as cdk
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from mainstay.environment_names import own_name

ManagedRules = Literal["count", "block"]


@dataclass(frozen=True, kw_only=True)
class RateLimits:
    """Requests per minute before the firewall acts."""

    client: int  # one address to one tenant: blocked, as to all tenants above five times that
    tenant: int  # all addresses to one tenant: counted and labelled, never blocked


# AWS managed rule groups, in the order they run, and their capacity units (AWS WAF Developer
# Guide, "AWS Managed Rules rule groups list"); a web ACL takes 1,500 at the basic price.
MANAGED_GROUPS = {
    "AWSManagedRulesAmazonIpReputationList": 25,
    "AWSManagedRulesCommonRuleSet": 700,
    "AWSManagedRulesKnownBadInputsRuleSet": 200,
    "AWSManagedRulesSQLiRuleSet": 200,
}
# The common rules refuse a body of more than 8 KB. The edge takes 1 MB (nginx/conf/bounds.conf),
# for a SAML response is longer, so the rule counts in either mode.
_COUNTED = {"AWSManagedRulesCommonRuleSet": ("SizeRestrictions_BODY",)}
TENANT_LABEL = "mainstay:tenant-over-ceiling"
_RATE_WINDOW_SECONDS = 60
# One address may ask so many tenants as much as one of them, and so many addresses that ask about
# tokens are what a tenant may have.
_TENANTS_OF_CLIENT, _CLIENTS_OF_TENANT = 5, 4


class Firewall(Construct):
    """Holds a rule of names, rate rules and the managed groups, in one web ACL of the Region.

    The first refuses a Host with another port than HTTPS's or HTTP's, which would each be counted
    apart. The first rate rule counts by address *and* Host: an office behind one address that
    floods one tenant is not refused at another. A Host can still be written in some ways (a last
    dot), so the second counts by address alone; what asks about tokens guesses nothing, and has a
    third one. The tenant's ceiling only counts and labels, for alarms and for the edge's own
    limits: if it blocked, one attacker could lock a whole tenant out.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        load_balancer: elbv2.IApplicationLoadBalancer,
        managed_rules: ManagedRules,
        rate_limits: RateLimits,
        log_group: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        rules = [
            _OTHER_PORT,
            _rate_rule("ClientOfTenant", rate_limits.client, [_ADDRESS, _host()], of=_OTHERS),
            _rate_rule("Client", rate_limits.client * _TENANTS_OF_CLIENT, [_ADDRESS], of=_OTHERS),
            _rate_rule("Tokens", rate_limits.tenant // _CLIENTS_OF_TENANT, [_ADDRESS], of=_TOKENS),
            _rate_rule("TenantCeiling", rate_limits.tenant, [_host()]),
            *(_managed_rule(name, managed_rules) for name in MANAGED_GROUPS),
        ]
        self.web_acl = wafv2.CfnWebACL(  # no L2 exists for AWS WAF
            self,
            "WebAcl",
            scope="REGIONAL",
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            rules=[
                wafv2.CfnWebACL.RuleProperty(**rule, priority=priority)
                for priority, rule in enumerate(rules)
            ],
            visibility_config=_visibility(own_name(self)),
        )
        wafv2.CfnWebACLAssociation(
            self,
            "Association",
            web_acl_arn=self.web_acl.attr_arn,
            resource_arn=load_balancer.load_balancer_arn,
        )
        self._log_to(log_group)

    def _log_to(self, log_group: logs.ILogGroup) -> None:
        # AWS WAF takes the group's ARN without the trailing ":*".
        destination = cdk.Stack.of(self).format_arn(
            service="logs",
            resource="log-group",
            resource_name=log_group.log_group_name,
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        redacted = wafv2.CfnLoggingConfiguration.FieldToMatchProperty
        wafv2.CfnLoggingConfiguration(
            self,
            "Log",
            resource_arn=self.web_acl.attr_arn,
            log_destination_configs=[destination],
            # What proves who a user is must not be readable in a log: tokens travel in these.
            redacted_fields=[
                redacted(single_header={"Name": "authorization"}),
                redacted(single_header={"Name": "cookie"}),
                redacted(query_string={}),
            ],
            # The balancer's own log has every request; here is what the firewall acted on.
            logging_filter={
                "DefaultBehavior": "DROP",
                "Filters": [
                    {
                        "Behavior": "KEEP",
                        "Requirement": "MEETS_ANY",
                        "Conditions": [
                            {"ActionCondition": {"Action": action}}
                            for action in ("BLOCK", "COUNT", "EXCLUDED_AS_COUNT")
                        ],
                    }
                ],
            },
        )


def _matches(
    regex: str, field: wafv2.CfnWebACL.FieldToMatchProperty
) -> wafv2.CfnWebACL.StatementProperty:
    return wafv2.CfnWebACL.StatementProperty(
        regex_match_statement=wafv2.CfnWebACL.RegexMatchStatementProperty(
            regex_string=regex,
            field_to_match=field,
            text_transformations=[
                wafv2.CfnWebACL.TextTransformationProperty(priority=0, type="NONE")
            ],
        )
    )


def _not(statement: wafv2.CfnWebACL.StatementProperty) -> wafv2.CfnWebACL.StatementProperty:
    return wafv2.CfnWebACL.StatementProperty(
        not_statement=wafv2.CfnWebACL.NotStatementProperty(statement=statement)
    )


def _visibility(name: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=True
    )


_HOST = wafv2.CfnWebACL.FieldToMatchProperty(single_header={"Name": "host"})
_OTHER_PORT = {
    "name": "OtherPort",
    "action": wafv2.CfnWebACL.RuleActionProperty(block={}),
    "statement": _not(_matches(r"^[^:]*(:443|:80)?$", _HOST)),
    "visibility_config": _visibility("OtherPort"),
}
# The edge's own list of these is in nginx/conf/limits.conf.
_TOKENS = _matches(
    r"^/oauth2/v1/(introspect|revoke)$|^/api/v1/sessions/me(/refresh)?$",
    wafv2.CfnWebACL.FieldToMatchProperty(uri_path={}),
)
_OTHERS = _not(_TOKENS)
_ADDRESS = wafv2.CfnWebACL.RateBasedStatementCustomKeyProperty(ip={})


def _host() -> wafv2.CfnWebACL.RateBasedStatementCustomKeyProperty:
    lower = wafv2.CfnWebACL.TextTransformationProperty(priority=0, type="LOWERCASE")
    return wafv2.CfnWebACL.RateBasedStatementCustomKeyProperty(
        header=wafv2.CfnWebACL.RateLimitHeaderProperty(name="host", text_transformations=[lower])
    )


def _rate_rule(
    name: str,
    limit: int,
    keys: list[wafv2.CfnWebACL.RateBasedStatementCustomKeyProperty],
    *,
    of: wafv2.CfnWebACL.StatementProperty | None = None,
) -> dict:
    """Return a rule that blocks above `limit` what is `of` it, or labels all where it is None."""
    statement = wafv2.CfnWebACL.RateBasedStatementProperty(
        limit=limit,
        evaluation_window_sec=_RATE_WINDOW_SECONDS,
        aggregate_key_type="CUSTOM_KEYS",
        custom_keys=keys,
        scope_down_statement=of,
    )
    action = {"block": {}} if of else {"count": {}}
    rule = {
        "name": name,
        "action": wafv2.CfnWebACL.RuleActionProperty(**action),
        "statement": wafv2.CfnWebACL.StatementProperty(rate_based_statement=statement),
        "visibility_config": _visibility(name),
    }
    if not of:
        rule["rule_labels"] = [wafv2.CfnWebACL.LabelProperty(name=TENANT_LABEL)]
    return rule


def _managed_rule(name: str, managed_rules: ManagedRules) -> dict:
    override = {"none": {}} if managed_rules == "block" else {"count": {}}
    return {
        "name": name,
        "override_action": wafv2.CfnWebACL.OverrideActionProperty(**override),
        "statement": wafv2.CfnWebACL.StatementProperty(
            managed_rule_group_statement=wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
                vendor_name="AWS",
                name=name,
                rule_action_overrides=[
                    wafv2.CfnWebACL.RuleActionOverrideProperty(
                        name=counted,
                        action_to_use=wafv2.CfnWebACL.RuleActionProperty(count={}),
                    )
                    for counted in _COUNTED.get(name, ())
                ]
                or None,
            )
        ),
        "visibility_config": _visibility(name),
    }

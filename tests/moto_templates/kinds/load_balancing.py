"""Elastic Load Balancing and AWS WAF."""

from __future__ import annotations

from tests.moto_templates.api_shapes import Properties
from tests.moto_templates.deployment import Site
from tests.moto_templates.kind import Attributes, Kind


def _named(site: Site, properties: Properties) -> Properties:
    return {"Name": site.physical_name(), **properties}


def _balancer_attributes(site: Site, properties: Properties, made: Attributes) -> Attributes:
    site.client("elbv2").modify_load_balancer_attributes(
        LoadBalancerArn=made["Ref"], Attributes=properties["LoadBalancerAttributes"]
    )
    return {"LoadBalancerFullName": made["Ref"].partition(":loadbalancer/")[2]}


def _target_attributes(site: Site, properties: Properties, made: Attributes) -> None:
    site.client("elbv2").modify_target_group_attributes(
        TargetGroupArn=made["Ref"], Attributes=properties["TargetGroupAttributes"]
    )


def _rule(_site: Site, rule: Properties) -> Properties:
    """A template may leave `TargetGroupArn` beside `ForwardConfig`; so may the API."""
    return {**rule, "Priority": int(rule["Priority"])}


def _acl(site: Site, acl: Properties) -> Properties:
    """A web ACL names itself where its template does not."""
    return {"Name": site.physical_name(), **acl}


LOAD_BALANCING = {
    "AWS::ElasticLoadBalancingV2::LoadBalancer": Kind(
        service="elbv2",
        call="create_load_balancer",
        ref="LoadBalancers[0].LoadBalancerArn",
        attributes={
            "DNSName": "LoadBalancers[0].DNSName",
            "CanonicalHostedZoneID": "LoadBalancers[0].CanonicalHostedZoneId",
        },
        apart=("LoadBalancerAttributes",),
        adapt=_named,
        then=_balancer_attributes,
    ),
    "AWS::ElasticLoadBalancingV2::TargetGroup": Kind(
        service="elbv2",
        call="create_target_group",
        ref="TargetGroups[0].TargetGroupArn",
        attributes={"TargetGroupFullName": "TargetGroups[0].TargetGroupArn"},
        apart=("TargetGroupAttributes",),
        adapt=_named,
        then=lambda site, properties, made: (
            _target_attributes(site, properties, made)
            or {"TargetGroupFullName": made["Ref"].rpartition(":")[2]}
        ),
    ),
    "AWS::ElasticLoadBalancingV2::Listener": Kind(
        service="elbv2", call="create_listener", ref="Listeners[0].ListenerArn"
    ),
    "AWS::ElasticLoadBalancingV2::ListenerRule": Kind(
        service="elbv2", call="create_rule", ref="Rules[0].RuleArn", adapt=_rule
    ),
    "AWS::WAFv2::WebACL": Kind(
        service="wafv2",
        call="create_web_acl",
        ref="join('|', [Summary.Name, Summary.Id, sent.Scope])",
        attributes={"Arn": "Summary.ARN", "Id": "Summary.Id"},
        adapt=_acl,
    ),
    "AWS::WAFv2::WebACLAssociation": Kind(service="wafv2", call="associate_web_acl"),
    "AWS::WAFv2::LoggingConfiguration": Kind(
        service="wafv2",
        call="put_logging_configuration",
        ref="sent.LoggingConfiguration.ResourceArn",
        adapt=lambda _site, logging: {"LoggingConfiguration": logging},
    ),
}

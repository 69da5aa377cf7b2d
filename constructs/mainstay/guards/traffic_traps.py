"""Traps of load balancers, records and services: what deploys, and then fails its users."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mainstay.guards.template import Template, Trap

# The default is an hour; a client that holds on so long stays with a lost zone (measured by
# others: the audit finding "ALB keep-alive 3600 -> 180").
CLIENT_KEEP_ALIVE_SECONDS_MAX = 600
_KEEP_ALIVE = "client_keep_alive.seconds"
_TARGET_HEALTH = {
    "target_group_health.dns_failover.minimum_healthy_targets.percentage",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
}
REGION_SWITCH_PLAN_NAME_MAX = 32


def _attributes(properties: dict[str, Any], key: str) -> dict[str, str]:
    return {item["Key"]: str(item["Value"]) for item in properties.get(key, ())}


def clients_held_too_long(templates: Sequence[Template]) -> Iterator[Trap]:
    """Clients keep the node they are connected to, in or out of DNS."""
    for template in templates:
        for logical_id, properties in template.of_type("AWS::ElasticLoadBalancingV2::LoadBalancer"):
            if properties.get("Scheme") != "internet-facing":
                continue
            attributes = _attributes(properties, "LoadBalancerAttributes")
            if int(attributes.get(_KEEP_ALIVE, "3600")) > CLIENT_KEEP_ALIVE_SECONDS_MAX:
                yield Trap(
                    rule="clients-held-too-long",
                    template=template,
                    logical_id=logical_id,
                    consequence="clients stay for up to an hour with a node of a lost zone",
                    fix=f"set client_keep_alive to {CLIENT_KEEP_ALIVE_SECONDS_MAX} s or less",
                )


def all_targets_must_fail_first(templates: Sequence[Template]) -> Iterator[Trap]:
    """Without thresholds a zone is left only when its last target is unhealthy."""
    for template in templates:
        for logical_id, properties in template.of_type("AWS::ElasticLoadBalancingV2::TargetGroup"):
            if not set(_attributes(properties, "TargetGroupAttributes")) >= _TARGET_HEALTH:
                yield Trap(
                    rule="no-healthy-minimum",
                    template=template,
                    logical_id=logical_id,
                    consequence="a zone with one healthy target left keeps its whole traffic",
                    fix="set target_group_health with minimum healthy percentages",
                )


def old_tls(templates: Sequence[Template]) -> Iterator[Trap]:
    """CloudFormation's default policy, ELBSecurityPolicy-2016-08, offers TLS 1.0."""
    for template in templates:
        for logical_id, properties in template.of_type("AWS::ElasticLoadBalancingV2::Listener"):
            policy = properties.get("SslPolicy", "")
            if properties.get("Protocol") == "HTTPS" and "TLS13" not in policy:
                yield Trap(
                    rule="old-tls",
                    template=template,
                    logical_id=logical_id,
                    consequence=f"'{policy or 'ELBSecurityPolicy-2016-08'}' offers TLS 1.0",
                    fix="set ssl_policy=SslPolicy.TLS13_12_RES_PQ",
                )


def alias_without_target_health(templates: Sequence[Template]) -> Iterator[Trap]:
    """CDK silently drops `evaluate_target_health` when it is given in the wrong form."""
    for template in templates:
        for logical_id, properties in template.of_type("AWS::Route53::RecordSet"):
            alias = properties.get("AliasTarget")
            if alias is not None and alias.get("EvaluateTargetHealth") is not True:
                yield Trap(
                    rule="alias-without-target-health",
                    template=template,
                    logical_id=logical_id,
                    consequence="DNS keeps sending users to a balancer without healthy targets",
                    fix="implement IAliasRecordTargetProps, as mainstay.dns.region_records does",
                )


def zone_that_cannot_be_edited(templates: Sequence[Template]) -> Iterator[Trap]:
    """Record changes wait for us-east-1 unless accelerated recovery is on."""
    for template in templates:
        for logical_id, properties in template.of_type("AWS::Route53::HostedZone"):
            features = properties.get("HostedZoneFeatures", {})
            if features.get("EnableAcceleratedRecovery") is not True:
                yield Trap(
                    rule="zone-without-accelerated-recovery",
                    template=template,
                    logical_id=logical_id,
                    consequence="while us-east-1 is down no record of the zone can be changed",
                    fix="set accelerated_recovery_enabled=True",
                )


def operations_undone(templates: Sequence[Template]) -> Iterator[Trap]:
    """Yield the findings of what operations own and the next deploy would write again."""
    for template in templates:
        for logical_id, properties in template.of_type("AWS::ECS::Service"):
            if "DesiredCount" in properties:
                yield Trap(
                    rule="desired-count-in-template",
                    template=template,
                    logical_id=logical_id,
                    consequence="an update of the service takes its tasks back to this number",
                    fix="leave desired_count unset: autoscaling and operations own it",
                )
        for logical_id, properties in template.of_type("AWS::ElasticLoadBalancingV2::ListenerRule"):
            forwards = (action.get("ForwardConfig", {}) for action in properties["Actions"])
            weighted = any(len(forward.get("TargetGroups", ())) > 1 for forward in forwards)
            if weighted and "Tags" in properties:
                yield Trap(
                    rule="tags-on-live-weights",
                    template=template,
                    logical_id=logical_id,
                    consequence="an edit of the tags rewrites the weights that operations set",
                    fix="exclude AWS::ElasticLoadBalancingV2::ListenerRule from the tags",
                )


def plan_name_too_long(templates: Sequence[Template]) -> Iterator[Trap]:
    """Amazon Application Recovery Controller refuses the plan at deploy time."""
    for template in templates:
        for logical_id, properties in template.of_type("AWS::ARCRegionSwitch::Plan"):
            name = str(properties.get("Name", ""))
            if len(name) > REGION_SWITCH_PLAN_NAME_MAX:
                yield Trap(
                    rule="plan-name-too-long",
                    template=template,
                    logical_id=logical_id,
                    consequence=f"'{name}' has {len(name)} characters, and the plan is refused",
                    fix=f"use at most {REGION_SWITCH_PLAN_NAME_MAX}",
                )

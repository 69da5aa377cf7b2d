"""What the emulator's engine leaves out of load balancers, listeners and rules in templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from local.emulator.extension import inside
from local.emulator.extension.client import client
from local.emulator.extension.load_balancer.state import ALB, forwards
from local.emulator.extension.registry import Made, Properties
from local.emulator.extension.tags import change
from local.emulator.extension.wraps.around import after

_NAMESPACE = "AWS::ElasticLoadBalancingV2"


def install() -> None:
    provisioners = inside.provisioners
    provisioners._elbv2_listener_actions = _keeping_forwards(provisioners._elbv2_listener_actions)
    provisioners._flatten_listener_rule_conditions = _conditions
    ALB._condition_xml = _telling_queries(ALB._condition_xml)
    ALB._lb_xml = _with_zones(ALB._lb_xml)
    # The dimension of a target group's metrics: `targetgroup/name/id`.
    ALB._target_group_full_name_from_arn = lambda arn: arn.rpartition(":")[2]
    after(f"{_NAMESPACE}::Listener", _listener_attributes)
    after(f"{_NAMESPACE}::ListenerRule", _tag)


def set_forwards(action: dict[str, Any], config: Mapping[str, Any]) -> None:
    """Give an action its whole ForwardConfig; with several groups it has no single one."""
    groups = [
        {"TargetGroupArn": group["TargetGroupArn"], "Weight": int(group.get("Weight", 1))}
        for group in config.get("TargetGroups", ())
    ]
    action["ForwardConfig"] = {**config, "TargetGroups": groups}
    if len(forwards(action)) > 1:
        action.pop("TargetGroupArn", None)


def _keeping_forwards(actions: Any) -> Any:
    def kept(properties: Any, balancer: Any, prop: str = "DefaultActions") -> list[dict[str, Any]]:
        made = actions(properties, balancer, prop=prop)
        for action, given in zip(made, properties.get(prop) or (), strict=True):
            if "ForwardConfig" in given:
                set_forwards(action, given["ForwardConfig"])
        return made

    return kept


_CONFIGS = {
    "path-pattern": "PathPatternConfig",
    "host-header": "HostHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "source-ip": "SourceIpConfig",
}


def _conditions(given: list[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    """Return a template's conditions as the API keeps them."""
    return [_condition(condition) for condition in given or ()]


def _condition(given: Mapping[str, Any]) -> dict[str, Any]:
    field = given["Field"]
    if field == "http-header":
        return {"Field": field, "Values": [], "HttpHeaderConfig": dict(given["HttpHeaderConfig"])}
    if field == "query-string":
        return {"Field": field, "Values": [], "QueryStringConfig": dict(given["QueryStringConfig"])}
    values = given.get("Values") or given[_CONFIGS[field]]["Values"]
    return {"Field": field, "Values": list(values)}


def _telling_queries(condition_xml: Any) -> Any:
    def described(condition: dict[str, Any]) -> str:
        xml = condition_xml(condition)
        if "QueryStringConfig" not in condition:
            return xml
        pairs = "".join(
            "<member>"
            + "".join(f"<{name}>{escape(value)}</{name}>" for name, value in pair.items())
            + "</member>"
            for pair in condition["QueryStringConfig"]["Values"]
        )
        config = f"<QueryStringConfig><Values>{pairs}</Values></QueryStringConfig>"
        return xml.removesuffix("</member>") + config + "</member>"

    return described


def _with_zones(balancer_xml: Any) -> Any:
    """Return `xml` with each subnet's own zone; the emulator writes the first for all."""

    def described(balancer: dict[str, Any]) -> str:
        xml = balancer_xml(balancer)
        first = f"<ZoneName>{inside.region()}a</ZoneName>"
        for subnet in balancer.get("Subnets", ()):
            known = inside.service("ec2")._subnets.get(subnet)
            if known is not None:
                mark = f"<SubnetId>{subnet}</SubnetId>"
                zone = f"<ZoneName>{known['AvailabilityZone']}</ZoneName>"
                xml = xml.replace(first + mark, zone + mark)
        return xml

    return described


def _listener_attributes(made: Made, old: Properties, new: Properties) -> None:
    if given := new.get("ListenerAttributes"):
        client("elbv2").modify_listener_attributes(
            ListenerArn=made.physical_id,
            Attributes=[{"Key": one["Key"], "Value": str(one["Value"])} for one in given],
        )


def _tag(made: Made, old: Properties, new: Properties) -> None:
    changed = change(old, new)
    if changed.gone:
        client("elbv2").remove_tags(ResourceArns=[made.physical_id], TagKeys=changed.gone)
    if changed.put:
        client("elbv2").add_tags(ResourceArns=[made.physical_id], Tags=changed.pairs)

"""The control plane's side: completes what the emulator's load balancing API leaves out.

Weighted forwards, targets by address and port, health as it is, conditions on the query, and the
local address of a listener, which is one of its attributes: `local.address`.
"""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

from local.emulator.extension.load_balancer import state
from local.emulator.extension.load_balancer.health import target_of
from local.emulator.extension.load_balancer.plane import Plane
from local.emulator.extension.load_balancer.templates import set_forwards

ADDRESS = "local.address"


def install() -> None:
    plane = Plane()
    alb = state.ALB
    alb._parse_actions = _parsing_forwards(alb, alb._parse_actions)
    alb._action_xml = _telling_forwards(alb._action_xml)
    alb._ACTION_MAP |= {
        "RegisterTargets": lambda request: _register(alb, request),
        "DeregisterTargets": lambda request: _deregister(alb, request),
        "DescribeTargetHealth": lambda request: _health(alb, plane, request),
        "DescribeTargetGroups": _knowing_balancers(alb, alb._ACTION_MAP["DescribeTargetGroups"]),
        "DescribeListenerAttributes": _with_address(
            alb, plane, alb._ACTION_MAP["DescribeListenerAttributes"]
        ),
    }
    alb.dispatch_request = _elsewhere
    plane.start()


def _parsing_forwards(alb: Any, parse: Any) -> Any:
    def parsed(request: Any, prefix: str = "DefaultActions") -> list[dict[str, Any]]:
        actions = parse(request, prefix)
        for number, action in enumerate(actions, 1):
            base = f"{prefix}.member.{number}.ForwardConfig"
            groups = []
            while arn := alb._p(
                request, f"{(at := f'{base}.TargetGroups.member.{len(groups) + 1}')}.TargetGroupArn"
            ):
                weight = alb._p(request, f"{at}.Weight")
                groups.append({"TargetGroupArn": arn, **({"Weight": weight} if weight else {})})
            if groups:
                set_forwards(action, {"TargetGroups": groups})
        return actions

    return parsed


def _telling_forwards(action_xml: Any) -> Any:
    def rendered(action: dict[str, Any]) -> str:
        xml = action_xml(action)
        if not state.forwards(action):
            return xml
        groups = "".join(
            f"<member><TargetGroupArn>{group['TargetGroupArn']}</TargetGroupArn>"
            f"<Weight>{group.get('Weight', 1)}</Weight></member>"
            for group in state.forwards(action)
        )
        config = (
            f"<ForwardConfig><TargetGroups>{groups}</TargetGroups><TargetGroupStickinessConfig>"
            "<Enabled>false</Enabled></TargetGroupStickinessConfig></ForwardConfig>"
        )
        return xml.removesuffix("</member>") + config + "</member>"

    return rendered


def _register(alb: Any, request: Any) -> Any:
    arn = alb._p(request, "TargetGroupArn")
    if arn not in alb._tgs:
        return alb._error("TargetGroupNotFound", f"Target group '{arn}' not found.")
    known = alb._targets.get(arn, [])
    have = {target_of(alb._tgs[arn], entry) for entry in known}
    new = [
        entry
        for entry in alb._parse_targets_param(request)
        if target_of(alb._tgs[arn], entry) not in have
    ]
    alb._targets[arn] = [*known, *new]  # a new list: others read it meanwhile
    return alb._empty("RegisterTargets")


def _deregister(alb: Any, request: Any) -> Any:
    """A target without a port means each of its ports."""
    arn = alb._p(request, "TargetGroupArn")
    if arn not in alb._tgs:
        return alb._error("TargetGroupNotFound", f"Target group '{arn}' not found.")
    leaving = alb._parse_targets_param(request)
    addresses = {entry["Id"] for entry in leaving if "Port" not in entry}
    exact = {target_of(alb._tgs[arn], entry) for entry in leaving if "Port" in entry}
    alb._targets[arn] = [
        entry
        for entry in alb._targets.get(arn, [])
        if entry["Id"] not in addresses and target_of(alb._tgs[arn], entry) not in exact
    ]
    return alb._empty("DeregisterTargets")


def _health(alb: Any, plane: Plane, request: Any) -> Any:
    arn = alb._p(request, "TargetGroupArn")
    if arn not in alb._tgs:
        return alb._error("TargetGroupNotFound", f"Target group '{arn}' not found.")
    group = alb._tgs[arn]
    asked = {target_of(group, entry) for entry in alb._parse_targets_param(request)}
    targets = ""
    for entry in alb._targets.get(arn, []):
        target = target_of(group, entry)
        if asked and target not in asked:
            continue
        health = plane.checks.of(target)
        why = (
            f"<Reason>{health.reason}</Reason>"
            f"<Description>{escape(health.description)}</Description>"
            if health.reason
            else ""
        )
        port = group["HealthCheckPort"]
        targets += (
            f"<member><Target><Id>{target.address}</Id><Port>{target.port}</Port></Target>"
            f"<HealthCheckPort>{target.port if port == 'traffic-port' else port}</HealthCheckPort>"
            f"<TargetHealth><State>{health.state}</State>{why}</TargetHealth></member>"
        )
    inner = f"<TargetHealthDescriptions>{targets}</TargetHealthDescriptions>"
    return alb._xml(200, "DescribeTargetHealth", inner)


def _knowing_balancers(alb: Any, describe: Any) -> Any:
    """A target group's load balancers are those whose rules forward to it now."""

    def described(request: Any) -> Any:
        owners: dict[str, list[str]] = {}
        for rule in alb._rules.values():
            listener = alb._listeners.get(rule.get("ListenerArn")) or {}
            for action in rule.get("Actions", ()):
                for group in state.forwards(action):
                    known = owners.setdefault(group["TargetGroupArn"], [])
                    if (owner := listener.get("LoadBalancerArn")) and owner not in known:
                        known.append(owner)
        for arn, group in alb._tgs.items():
            group["LoadBalancerArns"] = owners.get(arn, [])
        return describe(request)

    return described


def _with_address(alb: Any, plane: Plane, describe: Any) -> Any:
    def described(request: Any) -> Any:
        status, headers, body = describe(request)
        port = plane.port(alb._p(request, "ListenerArn")) if status == 200 else None
        if port is not None:
            added = alb._attrs_xml([{"Key": ADDRESS, "Value": f"127.0.0.1:{port}"}])
            body = body.replace(b"</Attributes>", f"{added}</Attributes>".encode())
            body = body.replace(b"<Attributes/>", f"<Attributes>{added}</Attributes>".encode())
        return status, headers, body

    return described


async def _elsewhere(balancer: dict[str, Any], *_: Any, **__: Any) -> Any:
    """The emulator's port is the APIs' alone: a load balancer has sockets of its own."""
    message = f"{balancer['DNSName']} listens on the local.address of each of its listeners\n"
    return 421, {"Content-Type": "text/plain"}, message.encode()

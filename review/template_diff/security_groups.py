"""Security groups that a change opens: new or wider rules, inline or as separate resources."""

import ipaddress
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from assembly.intrinsics import referenced, text
from review.template_diff.changes import StackChange
from review.template_diff.escaping import code
from review.template_diff.findings import Danger, DangerKind, Note

GROUP = "AWS::EC2::SecurityGroup"
_RULE_TYPES = {
    "AWS::EC2::SecurityGroupIngress": "ingress",
    "AWS::EC2::SecurityGroupEgress": "egress",
}
_PEERS = (
    "CidrIp",
    "CidrIpv6",
    "SourceSecurityGroupId",
    "SourceSecurityGroupName",
    "SourcePrefixListId",
    "DestinationSecurityGroupId",
    "DestinationPrefixListId",
)
_PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
_ALL = "-1"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule of a group; ports are numbers as text, or a reference that cannot be compared."""

    group: str
    direction: str
    protocol: str
    ports: tuple[str, str]
    peer: str
    source: str

    def covers(self, other: "Rule") -> bool:
        return (
            (self.group, self.direction) == (other.group, other.direction)
            and self.protocol in (_ALL, other.protocol)
            and (self.protocol == _ALL or _covers_ports(self.ports, other.ports))
            and _covers_peer(self.peer, other.peer)
        )

    def __str__(self) -> str:
        first, last = self.ports
        ports = "" if _ALL in (self.protocol, first) else f" {first}"
        if ports and last != first:
            ports += f"-{last}"
        protocol = "all traffic" if self.protocol == _ALL else f"{self.protocol}{ports}"
        preposition = "from" if self.direction == "ingress" else "to"
        return f"{self.direction} {preposition} {code(self.peer)}: {protocol}"


def security_group_dangers(stack: StackChange) -> Iterator[Danger | Note]:
    """Yield a danger for any new ingress; for new egress only where it reaches the internet."""
    before, after = list(_rules(stack.old)), list(_rules(stack.new))
    opened: dict[str, list[Rule]] = defaultdict(list)
    for rule in after:
        if not any(had.covers(rule) for had in before):
            group = referenced(rule.group)
            holder = group if group is not None and group in stack.new else rule.source
            opened[holder].append(rule)
    for resource, rules in sorted(opened.items()):
        place = {"stack": stack.name, "resource": resource, "path": stack.path(resource)}
        dangerous = sorted({str(rule) for rule in rules if _is_dangerous(rule)})
        harmless = sorted({str(rule) for rule in rules if not _is_dangerous(rule)})
        if dangerous:
            what = f"`{stack.new[resource].get('Type')}` opens {dangerous[0]}"
            yield Danger(
                kind=DangerKind.SECURITY_GROUP, **place, what=what, items=tuple(dangerous[1:])
            )
        for line in harmless:
            yield Note(**place, what=f"`{stack.new[resource].get('Type')}` opens {line}")


def _is_dangerous(rule: Rule) -> bool:
    if rule.direction == "ingress":
        return True
    network = _network(rule.peer)
    return network is not None and not network.is_private


def _rules(resources: dict[str, dict[str, Any]]) -> Iterator[Rule]:
    for logical_id, resource in resources.items():
        type_, properties = resource.get("Type", ""), resource.get("Properties", {})
        if type_ in _RULE_TYPES:
            group = text(properties.get("GroupId", properties.get("GroupName")))
            yield _rule(properties, group, _RULE_TYPES[type_], logical_id)
        if type_ == GROUP:
            ingress = properties.get("SecurityGroupIngress") or []
            # EC2 gives a group without egress rules one that allows everything.
            egress = properties.get("SecurityGroupEgress") or [
                {"IpProtocol": _ALL, "CidrIp": "0.0.0.0/0"},
            ]
            for direction, entries in (("ingress", ingress), ("egress", egress)):
                for entry in entries if isinstance(entries, list) else [entries]:
                    yield _rule(entry, f"${{{logical_id}}}", direction, logical_id)


def _rule(entry: dict[str, Any], group: str, direction: str, source: str) -> Rule:
    local = referenced(group)
    protocol = text(entry.get("IpProtocol", _ALL)).lower()
    peers = [text(entry[name]) for name in _PEERS if name in entry]
    return Rule(
        group=f"${{{local}}}" if local else group,
        direction=direction,
        protocol=_PROTOCOLS.get(protocol, protocol),
        ports=(text(entry.get("FromPort", _ALL)), text(entry.get("ToPort", _ALL))),
        # A rule kept in an Fn::If has no peer to read: its whole text stands for it.
        peer=peers[0] if peers else text(entry),
        source=source,
    )


def _covers_ports(wide: tuple[str, str], narrow: tuple[str, str]) -> bool:
    if wide == narrow or wide[0] == _ALL:
        return True
    try:
        (low, high), (first, last) = map(int, wide), map(int, narrow)
    except ValueError:
        return False
    return low <= first <= last <= high


def _covers_peer(wide: str, narrow: str) -> bool:
    if wide == narrow:
        return True
    outer, inner = _network(wide), _network(narrow)
    if isinstance(outer, ipaddress.IPv4Network) and isinstance(inner, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(outer, ipaddress.IPv6Network) and isinstance(inner, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False


def _network(peer: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(peer, strict=False)
    except ValueError:
        return None

"""Reads from templates what an environment needs of the quotas that it can exceed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from assembly.references import StackReferences
from assembly.stack import Stack
from review.summary.tiers import services


@dataclass(frozen=True, kw_only=True)
class ServiceQuota:
    """A quota by its code in Service Quotas, and what it limits the number of, in what."""

    service: str
    code: str
    name: str  # as Service Quotas has it
    limits: Literal["account", "part"]  # a Region of the account, or one group or network of ours


@dataclass(frozen=True, kw_only=True)
class Need:
    """The amount of a quota that the environment takes in a Region."""

    quota: ServiceQuota
    region: str
    amount: float
    what: str  # in words


# The codes are the same in every Region (Service Quotas console; their names as of 2026).
FARGATE_VCPU = ServiceQuota(
    service="fargate",
    code="L-3032A538",
    name="Fargate On-Demand vCPU resource count",
    limits="account",
)
ELASTIC_IPS = ServiceQuota(
    service="ec2", code="L-0263D0A3", name="EC2-VPC Elastic IPs", limits="account"
)
NETWORKS = ServiceQuota(service="vpc", code="L-F678F1CE", name="VPCs per Region", limits="account")
DB_INSTANCES = ServiceQuota(service="rds", code="L-7B6409FD", name="DB instances", limits="account")
DB_CLUSTERS = ServiceQuota(service="rds", code="L-952B80B8", name="DB clusters", limits="account")
GROUP_RULES = ServiceQuota(
    service="vpc",
    code="L-0EA8095F",
    name="Inbound or outbound rules per security group",
    limits="part",
)
ENDPOINTS = ServiceQuota(
    service="vpc", code="L-29B6F2EB", name="Interface VPC endpoints per VPC", limits="part"
)

# One resource takes one of the quota.
COUNTED: dict[str, ServiceQuota] = {
    "AWS::EC2::EIP": ELASTIC_IPS,
    "AWS::EC2::VPC": NETWORKS,
    "AWS::RDS::DBInstance": DB_INSTANCES,
    "AWS::RDS::DBCluster": DB_CLUSTERS,
}

_RULES = {
    "AWS::EC2::SecurityGroupIngress": "inbound",
    "AWS::EC2::SecurityGroupEgress": "outbound",
}
_FAMILIES = ("IPv4", "IPv6")
_ALL_OUT = [{"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}]  # what a group without such rules gets


def needs(stacks: Iterable[Stack]) -> tuple[Need, ...]:
    """Return what counts against each quota, by Region; quotas that nothing counts are absent."""
    read = tuple(stacks)
    references = StackReferences(read)
    found = []
    for region in dict.fromkeys(stack.region for stack in read):
        own = [stack for stack in read if stack.region == region]
        found += [
            *_counted(own, region),
            *_fargate(own, region),
            *_rules(own, region, references),
            *_endpoints(own, region, references),
        ]
    return tuple(found)


def _counted(stacks: list[Stack], region: str) -> Iterator[Need]:
    for kind, quota in COUNTED.items():
        amount = sum(len(stack.of_type(kind)) for stack in stacks)
        if amount:
            yield Need(quota=quota, region=region, amount=amount, what=f"{amount}")


def _fargate(stacks: list[Stack], region: str) -> Iterator[Need]:
    """Yield the vCPU at the ceilings: a quota below them would stop it on the day of the peak."""
    found = [service for stack in stacks for service in services(stack)]
    ceiling = sum(service.ceiling * service.vcpu for service in found)
    floor = sum(service.floor * service.vcpu for service in found)
    if ceiling:
        what = f"{ceiling:g} scaled out and {floor:g} always"
        yield Need(quota=FARGATE_VCPU, region=region, amount=ceiling, what=what)


def _rules(stacks: list[Stack], region: str, references: StackReferences) -> Iterator[Need]:
    """Yield the rules of the fullest group; each group, direction and family has the quota."""
    counts: Counter[tuple[Any, str, str]] = Counter()
    for stack in stacks:
        for group, direction, rule in _rules_of(stack):
            for family in _families(rule):
                counts[references.target(stack, group), direction, family] += 1
    if counts:
        ((group, direction, family), amount) = counts.most_common(1)[0]
        what = f"{amount} {direction} for {family} in {'/'.join(group)}"
        yield Need(quota=GROUP_RULES, region=region, amount=amount, what=what)


def _rules_of(stack: Stack) -> Iterator[tuple[Any, str, dict[str, Any]]]:
    """Yield the group, the direction and the rule itself."""
    for kind, direction in _RULES.items():
        for rule in stack.of_type(kind).values():
            yield rule["GroupId"], direction, rule
    for logical_id, group in stack.of_type("AWS::EC2::SecurityGroup").items():
        for rule in group.get("SecurityGroupIngress", ()):
            yield {"Ref": logical_id}, "inbound", rule
        for rule in group.get("SecurityGroupEgress") or _ALL_OUT:
            yield {"Ref": logical_id}, "outbound", rule


def _families(rule: dict[str, Any]) -> tuple[str, ...]:
    """Return the rule's families: both if it names a group or prefix list (Amazon VPC quotas)."""
    if "CidrIp" in rule:
        return _FAMILIES[:1]
    return _FAMILIES[1:] if "CidrIpv6" in rule else _FAMILIES


def _endpoints(stacks: list[Stack], region: str, references: StackReferences) -> Iterator[Need]:
    counts = Counter(
        references.target(stack, endpoint["VpcId"])
        for stack in stacks
        for endpoint in stack.of_type("AWS::EC2::VPCEndpoint").values()
        if endpoint.get("VpcEndpointType") == "Interface"
    )
    if counts:
        ((network, amount),) = counts.most_common(1)
        what = f"{amount} in {'/'.join(network)}"
        yield Need(quota=ENDPOINTS, region=region, amount=amount, what=what)

"""A Region of the environment and the zones that its tiers span."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass

from config import aws_facts

_TARGET_GROUP = re.compile(
    r"arn:aws:elasticloadbalancing:(?P<region>[a-z0-9-]+):\d{12}:targetgroup/[\w-]{1,32}/[0-9a-f]{16}"
)


@dataclass(frozen=True, kw_only=True)
class LegacyEdge:
    """A chain before the app tier from which traffic is moved away: docs/runbooks/edge-shift.md.

    It is its owner's, and stands beside this system while the migration lasts.
    """

    target_group_arn: str  # in the VPC of the Region's network, healthy, used by no other listener
    cidr: str  # where its servers are, which the public load balancer must reach
    port: int

    def problems(self, path: str, region: str) -> Iterator[str]:
        match = _TARGET_GROUP.fullmatch(self.target_group_arn)
        if match is None or match["region"] != region:
            yield (
                f"'{path}.target_group_arn' should be the ARN of a target group in {region}, "
                f"got '{self.target_group_arn}'"
            )
        try:
            wide = not ipaddress.IPv4Network(self.cidr).is_private
        except ValueError:
            wide = True
        if wide:
            yield (
                f"'{path}.cidr' should be a private range such as '10.0.96.0/20', got '{self.cidr}'"
            )
        if not 1 <= self.port <= 65_535:
            yield f"'{path}.port' should be 1 to 65535, got {self.port}"


@dataclass(frozen=True, kw_only=True)
class Region:
    """One AWS Region and the Availability Zones, by id, that its tiers span."""

    name: str
    cidr: str  # a /16; the tiers' subnets are cut from it by mainstay.network.AddressPlan
    zone_ids: tuple[str, ...]  # edge, app and live replicas
    data_zone_ids: tuple[str, ...] = ()  # the data tier alone: no task and no balancer there
    legacy_edge: LegacyEdge | None = None  # while a migration from one lasts

    def problems(self, path: str) -> Iterator[str]:
        if self.name not in aws_facts.ZONES:
            known = ", ".join(aws_facts.ZONES)
            yield f"'{path}.name' should be one of {known}, got '{self.name}'"
            return
        yield from self._zone_problems(path)
        if self.legacy_edge is not None:
            yield from self.legacy_edge.problems(f"{path}.legacy_edge", self.name)
        network = self.network
        if network is None or network.prefixlen != 16 or not network.is_private:
            yield f"'{path}.cidr' should be a private /16 such as '10.0.0.0/16', got '{self.cidr}'"

    def _zone_problems(self, path: str) -> Iterator[str]:
        if len(self.zone_ids) < 2:
            yield (
                f"'{path}.zone_ids' should hold at least 2 zones, so that losing one is survived, "
                f"got {len(self.zone_ids)}"
            )
        known = aws_facts.zone_ids(self.name)
        seen = self.every_zone_id
        for zone in seen:
            if zone not in known:
                yield (
                    f"'{path}.zone_ids' should hold zone ids of {self.name} "
                    f"({', '.join(known)}), got '{zone}'"
                )
            elif zone in aws_facts.UNUSABLE_ZONES:
                yield (
                    f"'{path}.zone_ids' should not hold '{zone}': "
                    f"{aws_facts.UNUSABLE_ZONES[zone]}; choose another zone of {self.name}"
                )
        for zone in sorted({zone for zone in seen if seen.count(zone) > 1}):
            yield f"'{path}.zone_ids' and data_zone_ids should name '{zone}' once"

    @property
    def every_zone_id(self) -> tuple[str, ...]:
        """The zones that hold data: those of every tier, and those of the data tier alone."""
        return (*self.zone_ids, *self.data_zone_ids)

    @property
    def network(self) -> ipaddress.IPv4Network | None:
        """The Region's address range, or None where `cidr` is not one."""
        try:
            return ipaddress.IPv4Network(self.cidr)
        except ValueError:
            return None

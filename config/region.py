"""A Region of the environment and the zones that its tiers span."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from config import aws_facts


@dataclass(frozen=True, kw_only=True)
class Region:
    """One AWS Region and the Availability Zones, by id, that its tiers span."""

    name: str
    cidr: str  # a /16; the tiers' subnets are cut from it by mainstay.network.AddressPlan
    zone_ids: tuple[str, ...]  # edge, app and live replicas
    data_zone_ids: tuple[str, ...] = ()  # the data tier alone: no task and no balancer there

    def problems(self, path: str) -> Iterator[str]:
        if self.name not in aws_facts.ZONES:
            known = ", ".join(aws_facts.ZONES)
            yield f"'{path}.name' should be one of {known}, got '{self.name}'"
            return
        yield from self._zone_problems(path)
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
        seen = (*self.zone_ids, *self.data_zone_ids)
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
    def network(self) -> ipaddress.IPv4Network | None:
        """The Region's address range, or None where `cidr` is not one."""
        try:
            return ipaddress.IPv4Network(self.cidr)
        except ValueError:
            return None

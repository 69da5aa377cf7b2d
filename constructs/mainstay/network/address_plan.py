"""Which addresses belong to which tier and zone of a Region."""

from __future__ import annotations

import ipaddress
from typing import Literal

Tier = Literal["public", "edge", "app", "data"]
TIERS: tuple[Tier, ...] = ("public", "edge", "app", "data")

# Where each tier's block begins in the /16, counted in /19s, and how large one zone's subnet is.
# A Fargate task takes one address; a /22 gives 1,019 tasks a zone. The public tier holds balancer
# nodes and NAT gateways, the data tier database instances: a /24 gives 251. Blocks 4 to 7 are free.
_BLOCK: dict[Tier, int] = {"public": 0, "edge": 1, "app": 2, "data": 3}
_SUBNET_PREFIX: dict[Tier, int] = {"public": 24, "edge": 22, "app": 22, "data": 24}
_ZONES_MAX = 8

# In a data subnet, a /24. Amazon RDS takes addresses as it likes; in the replica's zones there is
# nothing of it but the warehouse's few.
_REPLICA_HOST = 250


class AddressPlan:
    """Cuts a Region's /16 into a subnet per tier and zone, by the zone's own number.

    A zone's addresses follow from its id alone, so adding or removing a zone moves no other
    subnet: CloudFormation replaces a subnet whose range changes, and everything in it.
    """

    def __init__(self, cidr: str) -> None:
        self.network = ipaddress.IPv4Network(cidr)
        if self.network.prefixlen != 16:
            raise ValueError(f"'cidr' should be a /16, got '{cidr}'")
        self._blocks = list(self.network.subnets(new_prefix=19))

    def tier(self, tier: Tier) -> str:
        """The range that holds every subnet of a tier, for routes and rules."""
        subnets = self._subnets(tier)
        merged = ipaddress.collapse_addresses(subnets[:_ZONES_MAX])
        return str(next(iter(merged)))

    def subnet(self, tier: Tier, zone_id: str) -> str:
        """The range of one tier in one zone, such as use1-az4."""
        number = zone_id.rpartition("-az")[2]
        if not number.isdigit() or not 1 <= int(number) <= _ZONES_MAX:
            raise ValueError(f"'zone_id' should end in -az1 to -az{_ZONES_MAX}, got '{zone_id}'")
        return str(self._subnets(tier)[int(number) - 1])

    def replica_address(self, zone_id: str) -> str:
        """The address of the replica node in a zone: near the end, far from what AWS deals out."""
        return str(ipaddress.IPv4Network(self.subnet("data", zone_id))[_REPLICA_HOST])

    def _subnets(self, tier: Tier) -> list[ipaddress.IPv4Network]:
        return list(self._blocks[_BLOCK[tier]].subnets(new_prefix=_SUBNET_PREFIX[tier]))

"""The time-delayed replica: how far behind it is, where it stands and how large it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from config.region import Region

# Long enough for a person to notice a mistake and pause the replica, short enough to hold the log.
DELAY_MINUTES_MAX = 24 * 60

# gp3 volumes (Amazon EBS User Guide, "General Purpose SSD volumes").
GP3_IOPS = range(3_000, 80_001)
GP3_MIB_PER_SECOND = range(125, 2_001)
VOLUME_GIB = range(8, 65_537)

_ARM_INSTANCE = re.compile(r"[a-z]\d+g[a-z]*\.[a-z0-9]+")
_PARAMETER = re.compile(r"/[\w./-]+(:\d+)?")


@dataclass(frozen=True, kw_only=True)
class DelayedReplica:
    """Two PostgreSQL servers on Amazon EC2: a logical follower of A, and its delayed standby."""

    delay_minutes: int  # how long after the follower a change reaches the replica
    follower_zone: str  # of the standby Region
    delayed_zone: str  # of the standby Region, without any live replica
    instance_type: str  # on Graviton
    volume_gib: int
    volume_iops: int
    volume_mib_per_second: int
    # The public SSM parameter, pinned by name and perhaps by version, that says which image to
    # start; EC2 reads it when it starts an instance, so that no synth asks an account for it.
    image_parameter: str = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.12-arm64"

    def problems(self, path: str, standby: Region | None, live_zones: set[str]) -> Iterator[str]:
        if standby is None:
            yield f"'{path}' should be None, for it stands in the standby Region and there is none"
            return
        yield from self._zone_problems(path, standby, live_zones)
        if not 1 <= self.delay_minutes <= DELAY_MINUTES_MAX:
            yield (
                f"'{path}.delay_minutes' should be 1 to {DELAY_MINUTES_MAX}, "
                f"got {self.delay_minutes}"
            )
        if not _ARM_INSTANCE.fullmatch(self.instance_type):
            yield (
                f"'{path}.instance_type' should be a Graviton type such as 'r8g.large', "
                f"got '{self.instance_type}'"
            )
        for name, allowed in (
            ("volume_gib", VOLUME_GIB),
            ("volume_iops", GP3_IOPS),
            ("volume_mib_per_second", GP3_MIB_PER_SECOND),
        ):
            value = getattr(self, name)
            if value not in allowed:
                yield f"'{path}.{name}' should be {allowed.start} to {allowed[-1]}, got {value}"
        if not _PARAMETER.fullmatch(self.image_parameter):
            yield (
                f"'{path}.image_parameter' should be the name of an SSM parameter, perhaps with "
                f"':<version>', got '{self.image_parameter}'"
            )

    def _zone_problems(self, path: str, standby: Region, live_zones: set[str]) -> Iterator[str]:
        for name, zone in (
            ("follower_zone", self.follower_zone),
            ("delayed_zone", self.delayed_zone),
        ):
            if zone not in standby.every_zone_id:
                yield (
                    f"'{path}.{name}' should be a zone of {standby.name} "
                    f"({', '.join(standby.every_zone_id)}), got '{zone}'"
                )
            if zone in live_zones:
                yield (
                    f"'{path}.{name}' should hold no live replica, and '{zone}' does: whatever "
                    f"takes the zone would take both"
                )
        if self.delayed_zone == self.follower_zone:
            yield f"'{path}.delayed_zone' should not be the follower's, got '{self.delayed_zone}'"

"""Where a cluster stands: the zones of its instances, and the zones of its volume."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Zone ids. The writer comes first and one instance stands in each zone.

    After a failover another zone holds the writer, and a later deploy leaves it there: the first
    is only the first that is made and the first that is promoted again.
    """

    instances: tuple[str, ...]
    storage: tuple[str, ...] = ()  # zones with copies of the volume and no instance

    @property
    def zones(self) -> tuple[str, ...]:
        """Return the zones of the volume, three at most."""
        return (*self.instances, *self.storage)

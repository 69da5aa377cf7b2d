"""When AWS may patch and back up each cluster: never two of them at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Upkeep:
    """Windows in UTC, as Amazon RDS takes them: ddd:hh24:mi-ddd:hh24:mi, and hh24:mi-hh24:mi."""

    maintenance: str
    backup: str


# A day apart, in the small hours of the Region, and no two clusters of an environment alike: while
# AWS restarts one master, the other and the copy are left in peace.
MASTER_A = Upkeep(maintenance="tue:08:00-tue:08:30", backup="06:00-06:30")
MASTER_B = Upkeep(maintenance="thu:08:00-thu:08:30", backup="06:30-07:00")
ENTITY_COPY = Upkeep(maintenance="sun:10:00-sun:10:30", backup="08:00-08:30")
TRANSACTION = Upkeep(maintenance="wed:08:00-wed:08:30", backup="07:00-07:30")
TRANSACTION_COPY = Upkeep(maintenance="mon:10:00-mon:10:30", backup="08:30-09:00")
REPORTING = Upkeep(maintenance="sat:08:00-sat:08:30", backup="07:30-08:00")

"""Six Availability Zones per Region, az1 to az6, whose names end with a to f."""

from __future__ import annotations

from typing import Any

from local.emulator.extension import inside

_LETTERS = "abcdef"


def install() -> None:
    ec2 = inside.service("ec2")
    ec2._zone_name_for_az_id = lambda zone: _name(ec2, zone)
    ec2._ACTION_MAP["DescribeAvailabilityZones"] = lambda request: _described(ec2, request)


def _names() -> list[str]:
    return [f"{inside.region()}{letter}" for letter in _LETTERS]


def _name(ec2: Any, zone: str) -> str | None:
    return next((name for name in _names() if ec2._az_id_for_zone_name(name) == zone), None)


def _described(ec2: Any, request: Any) -> Any:
    asked = ec2._parse_member_list(request, "ZoneName")
    asked_ids = ec2._parse_member_list(request, "ZoneId")
    items = "".join(
        f"<item><zoneName>{name}</zoneName><zoneState>available</zoneState>"
        f"<regionName>{inside.region()}</regionName>"
        f"<zoneId>{ec2._az_id_for_zone_name(name)}</zoneId>"
        f"<groupName>{inside.region()}-zg-1</groupName>"
        f"<networkBorderGroup>{inside.region()}</networkBorderGroup>"
        "<optInStatus>opt-in-not-required</optInStatus>"
        "<zoneType>availability-zone</zoneType></item>"
        for name in _names()
        if (not asked or name in asked)
        and (not asked_ids or ec2._az_id_for_zone_name(name) in asked_ids)
    )
    inner = f"<availabilityZoneInfo>{items}</availabilityZoneInfo>"
    return ec2._xml(200, "DescribeAvailabilityZonesResponse", inner)

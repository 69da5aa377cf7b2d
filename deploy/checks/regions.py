"""Checks that the account has the Regions and zones that the environment names."""

from __future__ import annotations

from collections.abc import Iterator

from config.model import Environment
from deploy.clients import AwsClients
from deploy.findings import CheckProblem
from review.deploy_plan import used_regions

_ENABLED = ("opt-in-not-required", "opted-in")


def regions(clients: AwsClients, environment: Environment) -> Iterator[CheckProblem]:
    """Yield a problem for each Region that is not enabled, and each zone that is not there."""
    answer = clients("ec2", environment.primary.name).describe_regions(AllRegions=True)
    status = {region["RegionName"]: region["OptInStatus"] for region in answer["Regions"]}
    enabled = {name for name, opted in status.items() if opted in _ENABLED}
    for name in used_regions(environment):
        if name not in enabled:
            yield CheckProblem(
                what=f"the Region {name} is not enabled in the account",
                fix=f"aws account enable-region --region-name {name}",
            )
    for region in environment.regions:
        if region.name not in enabled:
            continue
        zones = clients("ec2", region.name).describe_availability_zones()["AvailabilityZones"]
        offered = sorted(zone["ZoneId"] for zone in zones if zone["State"] == "available")
        for zone in (*region.zone_ids, *region.data_zone_ids):
            if zone not in offered:
                yield CheckProblem(
                    what=f"the account has no available zone {zone} in {region.name}",
                    fix=f"choose among {', '.join(offered)} in config/environments.py",
                )

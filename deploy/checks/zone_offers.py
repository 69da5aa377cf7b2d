"""Checks that AWS offers in each zone what the templates put there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from assembly.stack import Stack
from deploy.checks.zone_needs import (
    DatabaseClass,
    EndpointService,
    InstanceType,
    ZoneOffer,
    zone_needs,
)
from deploy.clients import AwsClients
from deploy.findings import CheckProblem, Unmade

ZONE_OFFERS = "offers of the zones"

_Offered = Iterator[tuple[ZoneOffer, Iterable[str]]]  # zones by id


def zone_offers(clients: AwsClients, stacks: Iterable[Stack]) -> Iterator[CheckProblem | Unmade]:
    """Yield a problem for each offer that is missing in a zone where the templates need it.

    Zones that the account does not have are left to the check of Regions and zones.
    """
    needs: dict[str, list[tuple[str, ZoneOffer]]] = defaultdict(list)
    for need in zone_needs(stacks):
        if need.zone_id is None:
            why = f"{need.resource} stands in no subnet of the assembly whose zone is known"
            yield Unmade(check=ZONE_OFFERS, why=why)
        else:
            needs[need.region].append((need.zone_id, need.offer))
    for region, own in needs.items():
        yield from _of_region(clients, region, own)


def _of_region(
    clients: AwsClients, region: str, needs: list[tuple[str, ZoneOffer]]
) -> Iterator[CheckProblem]:
    ec2 = clients("ec2", region)
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    ids = {zone["ZoneName"]: zone["ZoneId"] for zone in zones}
    wanted: dict[ZoneOffer, set[str]] = defaultdict(set)
    for zone_id, offer in needs:
        if zone_id in ids.values():
            wanted[offer].add(zone_id)
    offered: dict[ZoneOffer, set[str]] = defaultdict(set)
    for answers in (
        _databases(clients, region, wanted, ids),
        _instances(ec2, wanted),
        _endpoints(ec2, wanted, ids),
    ):
        for offer, zone_ids in answers:
            offered[offer].update(zone_ids)
    for offer, zone_ids in wanted.items():
        missing = sorted(zone_ids - offered[offer])
        if missing:
            yield CheckProblem(
                what=f"{offer} is not offered in {', '.join(missing)} of {region}",
                fix=_fix(offer, sorted(offered[offer])),
            )


def _databases(
    clients: AwsClients, region: str, wanted: Iterable[ZoneOffer], ids: Mapping[str, str]
) -> _Offered:
    rds = clients("rds", region)
    classes = [offer for offer in wanted if isinstance(offer, DatabaseClass)]
    for engine, version in dict.fromkeys((one.engine, one.version) for one in classes):
        pages = rds.get_paginator("describe_orderable_db_instance_options").paginate(
            Engine=engine, EngineVersion=version, Vpc=True
        )
        try:
            for page in pages:
                for option in page["OrderableDBInstanceOptions"]:
                    name = option["DBInstanceClass"]
                    offer = DatabaseClass(engine=engine, version=version, name=name)
                    yield (
                        offer,
                        _zone_ids((one["Name"] for one in option["AvailabilityZones"]), ids),
                    )
        except ClientError as error:
            # A version that is no longer offered at all may be refused as a parameter.
            if not error.response["Error"]["Code"].startswith("InvalidParameter"):
                raise


def _instances(ec2: Any, wanted: Iterable[ZoneOffer]) -> _Offered:
    types = [offer.name for offer in wanted if isinstance(offer, InstanceType)]
    if types:
        pages = ec2.get_paginator("describe_instance_type_offerings").paginate(
            LocationType="availability-zone-id",
            Filters=[{"Name": "instance-type", "Values": types}],
        )
        for page in pages:
            for one in page["InstanceTypeOfferings"]:
                yield InstanceType(name=one["InstanceType"]), [one["Location"]]


def _endpoints(ec2: Any, wanted: Iterable[ZoneOffer], ids: Mapping[str, str]) -> _Offered:
    if any(isinstance(offer, EndpointService) for offer in wanted):
        # All services: one that is asked for by name and missing is an error.
        for page in ec2.get_paginator("describe_vpc_endpoint_services").paginate():
            for service in page["ServiceDetails"]:
                if {"ServiceType": "Interface"} in service["ServiceType"]:
                    offer = EndpointService(name=service["ServiceName"])
                    yield offer, _zone_ids(service["AvailabilityZones"], ids)


def _zone_ids(names: Iterable[str], ids: Mapping[str, str]) -> list[str]:
    return [ids[name] for name in names if name in ids]


def _fix(offer: ZoneOffer, zone_ids: list[str]) -> str:
    match offer:
        case DatabaseClass():
            choice = "another class, version or zone"
        case InstanceType():
            choice = "another type or zone"
        case EndpointService():
            choice = "other zones"
    where = f"is offered in {', '.join(zone_ids)}" if zone_ids else "is offered in no zone"
    return f"choose {choice} in config/environments.py; {offer} {where}"

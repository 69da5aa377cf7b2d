"""What the picture shows, read from the templates of an environment and from nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from assembly.references import StackReferences
from assembly.stack import Stack

Role = Literal["writer", "reader", "copy", "storage", "follower", "delayed"]
_REPLICAS: dict[str, Role] = {"follower": "follower", "delayed": "delayed"}
Zones = tuple[str, ...]  # ids of Availability Zones, such as use1-az1


@dataclass(frozen=True, kw_only=True)
class Tier:
    """Servers or load balancers, and the zones whose subnets they use."""

    zones: Zones
    tasks: int = 0  # the least that runs
    most_tasks: int = 0


@dataclass(frozen=True, kw_only=True)
class RegionFacts:
    """Holds what stands in one Region."""

    name: str
    primary: bool
    serving_zones: Zones
    data_zones: Zones  # hold data alone
    firewall: bool  # before the public load balancer
    public_balancer: Tier
    edge: Tier
    internal_balancer: Tier
    halves: Mapping[str, Tier]
    stores: Mapping[str, Mapping[str, Role]]  # by store and zone
    reporting: Zones
    loads_reports: bool  # from the transaction store, by zero-ETL
    sessions: bool
    worker: Tier
    backups: tuple[str, ...]
    backups_copied_to: str | None  # a Region

    @property
    def zones(self) -> Zones:
        return self.serving_zones + self.data_zones


@dataclass(frozen=True, kw_only=True)
class Facts:
    """An environment. `delay_minutes` is None without a time-delayed replica."""

    environment: str
    routing: str
    signed: bool  # DNSSEC
    regions: tuple[RegionFacts, ...]  # the primary first
    monitors: tuple[str, ...]  # Regions that hold canaries and no network
    delay_minutes: int | None


def read(stacks: Iterable[Stack]) -> Facts:
    """Return the facts of an environment's stacks. Raises ValueError where no network is found."""
    return _Reader(tuple(stacks)).facts()


class _Reader:
    def __init__(self, stacks: tuple[Stack, ...]) -> None:
        self._stacks = stacks
        self._by_path = {stack.path: stack for stack in stacks}
        self._references = StackReferences(stacks)

    def facts(self) -> Facts:
        networks = [stack.region for stack, _, _ in self._of_type("AWS::EC2::VPC")]
        if not networks:
            raise ValueError("the assembly should hold a network, it holds none: `make synth`")
        regions = [self._region(name) for name in networks]
        canaries = {stack.region for stack, _, _ in self._of_type("AWS::Synthetics::Canary")}
        return Facts(
            environment=self._stacks[0].name.split("-")[1],
            routing=self._routing(),
            signed=any(self._of_type("AWS::Route53::DNSSEC")),
            regions=tuple(sorted(regions, key=lambda region: not region.primary)),
            monitors=tuple(sorted(canaries - set(networks))),
            delay_minutes=self._delay(),
        )

    def _of_type(
        self, kind: str, region: str | None = None
    ) -> Iterator[tuple[Stack, str, dict[str, Any]]]:
        for stack in self._stacks:
            if region in (None, stack.region):
                for logical_id, properties in stack.of_type(kind).items():
                    yield stack, logical_id, properties

    def _region(self, name: str) -> RegionFacts:
        every, serving = set(), set()
        for _, _, subnet in self._of_type("AWS::EC2::Subnet", name):
            every.add(subnet["AvailabilityZoneId"])
            if _tags(subnet)["mainstay:tier"] != "data":
                serving.add(subnet["AvailabilityZoneId"])
        services = self._services(name)
        balancers = self._balancers(name)
        loads = any(self._of_type("AWS::RDS::Integration", name))
        stores = dict(self._stores(name))
        return RegionFacts(
            name=name,
            primary="entity-a" in stores,
            serving_zones=tuple(sorted(serving)),
            data_zones=tuple(sorted(every - serving)),
            firewall=any(self._of_type("AWS::WAFv2::WebACLAssociation", name)),
            public_balancer=balancers["internet-facing"],
            internal_balancer=balancers["internal"],
            edge=services.pop("Edge"),
            worker=services.pop("Worker"),
            halves=services,
            reporting=self._warehouse(name),
            loads_reports=loads,
            sessions=self._sessions(name),
            stores=stores,
            backups=self._backups(name),
            backups_copied_to=self._backups_copied_to(name),
        )

    def _routing(self) -> str:
        """Return how the zone's records choose a Region."""
        if len({stack.region for stack, _, _ in self._of_type("AWS::EC2::VPC")}) == 1:
            return "one Region"
        records = [record for _, _, record in self._of_type("AWS::Route53::RecordSet")]
        if any("Failover" in record for record in records):
            return "failover"
        return "latency"

    def _balancers(self, region: str) -> dict[str, Tier]:
        """Return the load balancers by their scheme."""
        return {
            balancer["Scheme"]: Tier(zones=self._zones(stack, balancer["Subnets"]))
            for stack, _, balancer in self._of_type(
                "AWS::ElasticLoadBalancingV2::LoadBalancer", region
            )
        }

    def _services(self, region: str) -> dict[str, Tier]:
        """Return the ECS services: "Edge", "Worker", and the halves of the app tier by name."""
        found = {}
        for stack, logical_id, service in self._of_type("AWS::ECS::Service", region):
            network = service["NetworkConfiguration"]["AwsvpcConfiguration"]
            [(least, most)] = [
                (target["MinCapacity"], target["MaxCapacity"])
                for target in stack.of_type("AWS::ApplicationAutoScaling::ScalableTarget").values()
                if f'"{logical_id}"' in json.dumps(target["ResourceId"])
            ]
            half = re.match(r"App(Blue|Green)", logical_id)
            name = half.group(1).lower() if half else stack.part
            found[name] = Tier(
                zones=self._zones(stack, network["Subnets"]), tasks=least, most_tasks=most
            )
        return found

    def _stores(self, region: str) -> Iterator[tuple[str, dict[str, Role]]]:
        """Yield the stores on PostgreSQL, by name, and what each has in which zone."""
        for stack, logical_id, cluster in self._of_type("AWS::RDS::DBCluster", region):
            name = cluster["DBClusterIdentifier"].split("-", 2)[2]
            follows = name.endswith("-copy")
            found: dict[str, Role] = dict.fromkeys(
                self._zones(stack, cluster["AvailabilityZones"]), "storage"
            )
            for instance in stack.of_type("AWS::RDS::DBInstance").values():
                if instance["DBClusterIdentifier"] == {"Ref": logical_id}:
                    [zone] = self._zones(stack, [instance["AvailabilityZone"]])
                    first = instance["PromotionTier"] == 0
                    found[zone] = "copy" if follows else "writer" if first else "reader"
            yield name, found
        servers: dict[str, Role] = {
            zone: _REPLICAS[_tags(group)["mainstay:replica"]]
            for stack, _, group in self._of_type("AWS::AutoScaling::AutoScalingGroup", region)
            for zone in self._zones(stack, group["VPCZoneIdentifier"])
        }
        if servers:
            yield "replica", servers

    def _warehouse(self, region: str) -> Zones:
        for stack, _, workgroup in self._of_type("AWS::RedshiftServerless::Workgroup", region):
            return self._zones(stack, workgroup["SubnetIds"])
        return ()

    def _sessions(self, region: str) -> bool:
        return any(
            region in {replica["Region"] for replica in table["Replicas"]}
            for stack, _, table in self._of_type("AWS::DynamoDB::GlobalTable")
            if stack.part == "Session"
        )

    def _backups(self, region: str) -> tuple[str, ...]:
        """Return what backups are kept in: names of buckets without their ending, and the vault."""
        buckets = [
            bucket["BucketName"].removesuffix("-copy").rpartition("-")[2]
            for stack, _, bucket in self._of_type("AWS::S3::Bucket", region)
            if stack.part == "Backups"
        ]
        vault = any(self._of_type("AWS::Backup::BackupVault", region))
        return (*sorted(buckets), *(["vault"] if vault else []))

    def _backups_copied_to(self, region: str) -> str | None:
        copied = [
            bucket
            for stack, _, bucket in self._of_type("AWS::S3::Bucket", region)
            if stack.part == "Backups" and "ReplicationConfiguration" in bucket
        ]
        others = {stack.region for stack in self._stacks if stack.part == "Backups"} - {region}
        return min(others) if copied and others else None

    def _delay(self) -> int | None:
        for _, _, template in self._of_type("AWS::EC2::LaunchTemplate"):
            if found := re.search(r"DELAY_MINUTES='(\d+)'", json.dumps(template)):
                return int(found.group(1))
        return None

    def _zones(self, stack: Stack, values: Iterable[Any]) -> Zones:
        """Return the zones of subnets, or of what was taken from subnets."""
        found = set()
        for value in values:
            path, logical_id = self._references.target(stack, value)
            found.add(self._by_path[path].resources[logical_id]["Properties"]["AvailabilityZoneId"])
        return tuple(sorted(found))


def _tags(properties: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in properties.get("Tags", ())}

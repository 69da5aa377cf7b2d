"""Traps of databases: what deploys and is then lost with its neighbour, or is refused half way."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from mainstay.guards.references import TemplateReferences
from mainstay.guards.template import Template, Trap

Properties = dict[str, Any]
Found = tuple[Template, str, Properties]

CLUSTER_ZONES_MAX = 3

# Engine -> what of it may be deployed: a major version, and the first minor one that is still
# offered. A version below is refused with "Cannot find version", or AWS upgrades it in a window of
# its own. Aurora's first PostgreSQL 17 is 17.4 (Release Notes for Aurora PostgreSQL); CDK 2.275
# still knows 17.1 and 17.2, which were a preview's. Majors before 14 ended in 2026 or earlier.
OFFERED: dict[str, dict[int, int]] = {
    "aurora-postgresql": {14: 15, 15: 10, 16: 6, 17: 4, 18: 3},
    "postgres": {14: 15, 15: 10, 16: 6, 17: 2, 18: 1},
}
REPLICA_TAG = "mainstay:replica"


def clusters(templates: Sequence[Template]) -> Iterator[Found]:
    for template in templates:
        for logical_id, properties in template.of_type("AWS::RDS::DBCluster"):
            yield template, logical_id, properties


def _instances(template: Template, cluster: str) -> list[tuple[str, Properties]]:
    return [
        (logical_id, properties)
        for logical_id, properties in template.of_type("AWS::RDS::DBInstance")
        if properties.get("DBClusterIdentifier") == {"Ref": cluster}
    ]


def too_many_zones(templates: Sequence[Template]) -> Iterator[Trap]:
    """CreateDBCluster: "can't specify more than three AZs"; instances go into those."""
    for template, logical_id, properties in clusters(templates):
        named = properties.get("AvailabilityZones", [])
        used = [item.get("AvailabilityZone") for _, item in _instances(template, logical_id)]
        zones = {json.dumps(zone, sort_keys=True) for zone in (*named, *used) if zone}
        if len(zones) > CLUSTER_ZONES_MAX:
            yield Trap(
                rule="cluster-spans-too-many-zones",
                template=template,
                logical_id=logical_id,
                consequence=f"an Aurora cluster stands in {CLUSTER_ZONES_MAX} zones, and "
                f"{len(zones)} are named: the deploy stops half way",
                fix="name three zones at most; more zones need a second cluster",
            )


def readers_unlike_the_writer(templates: Sequence[Template]) -> Iterator[Trap]:
    """A failover makes any instance the writer, and a small one then carries everything."""
    for template, cluster, _ in clusters(templates):
        classes = {item["DBInstanceClass"] for _, item in _instances(template, cluster)}
        if len(classes) > 1:
            yield Trap(
                rule="reader-unlike-writer",
                template=template,
                logical_id=cluster,
                consequence=f"a failover makes any of {', '.join(sorted(classes))} the writer",
                fix="give every instance of the cluster the writer's class",
            )


def retired_engines(templates: Sequence[Template]) -> Iterator[Trap]:
    """ "Cannot find version 17.1 for aurora-postgresql", at deploy time."""
    for template in templates:
        for logical_id, properties in template.of_type(
            "AWS::RDS::DBCluster", "AWS::RDS::DBInstance", "AWS::RDS::GlobalCluster"
        ):
            engine, version = properties.get("Engine"), str(properties.get("EngineVersion", ""))
            offered = OFFERED.get(str(engine))
            major, _, minor = version.partition(".")
            if offered is None or not major.isdigit():
                continue
            first = offered.get(int(major))
            if first is None or not minor.isdigit() or int(minor) < first:
                known = ", ".join(f"{one}.{other}" for one, other in offered.items())
                yield Trap(
                    rule="retired-engine-version",
                    template=template,
                    logical_id=logical_id,
                    consequence=f"{engine} {version} is not offered any more, and is refused",
                    fix=f"use one of {known}, or a later minor version of them",
                )


def expiry_with_strong_consistency(templates: Sequence[Template]) -> Iterator[Trap]:
    """DynamoDB refuses time to live on a table with multi-Region strong consistency."""
    for template in templates:
        for logical_id, properties in template.of_type("AWS::DynamoDB::GlobalTable"):
            strong = properties.get("MultiRegionConsistency") == "STRONG"
            if strong and properties.get("TimeToLiveSpecification", {}).get("Enabled"):
                yield Trap(
                    rule="expiry-with-strong-consistency",
                    template=template,
                    logical_id=logical_id,
                    consequence="the table is refused, for items of a strongly consistent table "
                    "cannot expire by themselves",
                    fix="leave out time_to_live_attribute, or the strong consistency",
                )


def delayed_beside_live(templates: Sequence[Template]) -> Iterator[Trap]:
    """Whatever takes a zone takes both: the mistake's victim and its cure."""
    references = TemplateReferences(templates)
    live: dict[Any, list[str]] = defaultdict(list)
    for template in templates:
        for logical_id, properties in template.of_type("AWS::RDS::DBInstance"):
            live[references.zone(template, properties.get("AvailabilityZone"))].append(logical_id)
    nodes = [
        (template, logical_id, properties, _tag(properties, REPLICA_TAG))
        for template in templates
        for logical_id, properties in template.of_type("AWS::EC2::Volume")
    ]
    for template, logical_id, properties, part in nodes:
        if part is None:
            continue
        zone = references.zone(template, properties.get("AvailabilityZone"))
        neighbours = list(live.get(zone, ()))
        if part == "delayed":
            neighbours += [
                other
                for other_template, other, item, other_part in nodes
                if other_part == "follower"
                and references.zone(other_template, item.get("AvailabilityZone")) == zone
            ]
        if neighbours:
            yield Trap(
                rule="delayed-beside-live",
                template=template,
                logical_id=logical_id,
                consequence=f"{zone} holds {neighbours[0]} too: one loss takes both",
                fix="give the delayed replica and its follower zones without a live replica "
                "in config/environments.py",
            )


def copies_unlike_their_first(templates: Sequence[Template]) -> Iterator[Trap]:
    """A cluster joins a global database with its version alone, and with a key of its Region."""
    references = TemplateReferences(templates)
    members = _global_members(templates, references)
    for template, logical_id, properties in clusters(templates):
        first = members.get(str(properties.get("GlobalClusterIdentifier")))
        if first is None:
            continue
        first_template, first_properties = first
        version, expected = properties.get("EngineVersion"), first_properties.get("EngineVersion")
        if version != expected:
            yield Trap(
                rule="copy-of-another-version",
                template=template,
                logical_id=logical_id,
                consequence=f"it has {version} and its first {expected}: it cannot join",
                fix="give both the version of the environment, databases.postgresql_version",
            )
        key = references.origin(template, properties.get("KmsKeyId"))
        first_key = references.origin(first_template, first_properties.get("KmsKeyId"))
        if key is None or key == first_key or references.region(key) != template.region:
            yield Trap(
                rule="regions-share-a-key",
                template=template,
                logical_id=logical_id,
                consequence="a copy needs a key of its own Region: it is refused, or lost with "
                "the Region that it was to outlive",
                fix=f"encrypt it with a key that stands in {template.region}",
            )


def _global_members(
    templates: Sequence[Template], references: TemplateReferences
) -> dict[str, tuple[Template, Properties]]:
    """The identifier of each global database, and its first cluster."""
    found = {}
    for template in templates:
        for _, properties in template.of_type("AWS::RDS::GlobalCluster"):
            named = json.dumps(properties.get("SourceDBClusterIdentifier"))
            for logical_id, cluster in template.of_type("AWS::RDS::DBCluster"):
                if f'"{logical_id}"' in named:
                    found[str(properties.get("GlobalClusterIdentifier"))] = (template, cluster)
    return found


def _tag(properties: Properties, key: str) -> str | None:
    return next((tag["Value"] for tag in properties.get("Tags", ()) if tag["Key"] == key), None)

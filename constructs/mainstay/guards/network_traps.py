"""Traps of zones, addresses, rules and references between stacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from mainstay.guards.template import Template, Trap, walk

# Amazon VPC quotas: Elastic IP addresses per Region, and rules per security group counted per
# direction and address family (a reference to a group counts in both families).
ELASTIC_IPS_MAX = 5
RULES_MAX = 60


def zones_not_pinned(templates: Sequence[Template]) -> Iterator[Trap]:
    """`AvailabilityZone` takes an account's letter; without lookups CDK writes dummy1a there."""
    for template in templates:
        for logical_id, properties in template.of_type("AWS::EC2::Subnet"):
            if "AvailabilityZoneId" not in properties or "AvailabilityZone" in properties:
                yield Trap(
                    rule="zone-not-pinned",
                    template=template,
                    logical_id=logical_id,
                    consequence="the subnet's place differs between accounts, or does not exist",
                    fix="set AvailabilityZoneId, such as use1-az1, and leave AvailabilityZone out",
                )


def too_few_zones(templates: Sequence[Template]) -> Iterator[Trap]:
    """CDK silently gives two or three zones where more were meant (aws-cdk #3497, #6047)."""
    for template in templates:
        zones = {
            str(properties.get("AvailabilityZoneId"))
            for _, properties in template.of_type("AWS::EC2::Subnet")
        }
        for logical_id, _ in template.of_type("AWS::EC2::VPC"):
            if len(zones) < 2:
                yield Trap(
                    rule="too-few-zones",
                    template=template,
                    logical_id=logical_id,
                    consequence=f"the network spans {len(zones)} zone, and falls with it",
                    fix="give the Region at least two zone_ids in config/environments.py",
                )


def too_many_addresses(templates: Sequence[Template]) -> Iterator[Trap]:
    """A NAT gateway in each of six zones exceeds the quota (aws-cdk #1543)."""
    count = Counter(
        template.region for template in templates for _ in template.of_type("AWS::EC2::EIP")
    )
    for template in templates:
        for logical_id, _ in template.of_type("AWS::EC2::EIP"):
            if count[template.region] > ELASTIC_IPS_MAX:
                yield Trap(
                    rule="too-many-elastic-ips",
                    template=template,
                    logical_id=logical_id,
                    consequence=f"{template.region} would need {count[template.region]} Elastic "
                    f"IP addresses of {ELASTIC_IPS_MAX}, and the deploy stops half way",
                    fix="use fewer zones, or egress='endpoints'",
                )


def too_many_rules(templates: Sequence[Template]) -> Iterator[Trap]:
    """The sixty-first rule of a group is refused at deploy time."""
    for template in templates:
        for logical_id, properties in template.of_type("AWS::EC2::SecurityGroup"):
            for direction in ("Ingress", "Egress"):
                inline = len(properties.get(f"SecurityGroup{direction}", ()))
                separate = sum(
                    logical_id in str(rule.get("GroupId"))
                    for _, rule in template.of_type(f"AWS::EC2::SecurityGroup{direction}")
                )
                if inline + separate > RULES_MAX:
                    yield Trap(
                        rule="too-many-rules",
                        template=template,
                        logical_id=logical_id,
                        consequence=f"{inline + separate} {direction.lower()} rules of "
                        f"{RULES_MAX}: the deploy stops at the first one too many",
                        fix="admit a tier's range or group instead of single addresses",
                    )


def references_across_regions(templates: Sequence[Template]) -> Iterator[Trap]:
    """Exports between Regions cannot be removed again (aws-cdk #34813, #27902)."""
    exported_by = {name: template.region for template in templates for name in template.exports()}
    for template in templates:
        for logical_id, resource in template.body.get("Resources", {}).items():
            imported = [value for key, value in walk(resource) if key == "Fn::ImportValue"]
            strangers = [
                name
                for name in imported
                if exported_by.get(str(name)) not in (None, template.region)
            ]
            if resource["Type"].startswith("Custom::CrossRegionExport") or strangers:
                yield Trap(
                    rule="export-across-regions",
                    template=template,
                    logical_id=logical_id,
                    consequence="removing the reference can never be deployed while it is in use",
                    fix="refer weakly: cdk.CrossStackReferences.of(producer).produce(WEAK), or "
                    "take the value from the configuration",
                )

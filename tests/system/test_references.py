"""References between stacks: strong inside a Region, weak between them, and never upwards."""

from __future__ import annotations

import pytest

STATEFUL_PARTS = {
    *("dns", "keys", "logs", "network", "control"),
    *("secrets", "entitya", "entityb", "entitycopy", "session", "transaction", "transactioncopy"),
    *("reporting", "delayed", "events"),
}

# What a part may stand on. Nothing here stands on a part to its right.
ORDER = [
    *("dns", "keys", "logs", "network", "control", "peering", "exit"),
    *("secrets", "entitya", "entityb", "entitycopy", "session", "transaction", "transactioncopy"),
    *("reporting", "delayed", "events", "backups", "backupplan", "backupjobs"),
    *("operations", "certificate", "app", "worker", "edge", "records", "readonly", "housekeeping"),
    "upgrade",
]


def part_of(stack_name: str) -> str:
    return stack_name.rpartition("-")[2]


@pytest.fixture(scope="session")
def exporters(system):
    """Name of an export -> the stack that makes it."""
    return {
        output["Export"]["Name"]: stack
        for stack in system.stacks.values()
        for output in stack.template.get("Outputs", {}).values()
        if "Export" in output
    }


def test_no_export_is_read_in_another_region(system, exporters, inside):
    for stack in system.stacks.values():
        for key, value in inside(stack.template):
            if key == "Fn::ImportValue":
                assert exporters[value].region == stack.region


def test_no_function_carries_exports_between_regions(system):
    """The CDK makes such functions silently where a reference crosses Regions."""
    for stack in system.stacks.values():
        for logical_id, resource in stack.resources.items():
            assert "CrossRegionExport" not in resource["Type"], f"{stack.name}: {logical_id}"


def test_weak_references_lead_to_another_region_or_to_the_zone(system, inside):
    for stack in system.stacks.values():
        for key, value in inside(stack.template):
            if key == "Fn::GetStackOutput":
                target = system.stacks[value["StackName"]]
                assert value.get("Region", stack.region) == target.region
                assert target.region != stack.region or target is system.dns(), stack.name


def test_what_a_weak_reference_reads_is_there(system, inside):
    for stack in system.stacks.values():
        for key, value in inside(stack.template):
            if key == "Fn::GetStackOutput":
                assert value["OutputName"] in system.stacks[value["StackName"]].template["Outputs"]


def test_nothing_is_exported_that_nobody_imports(system, exporters, inside):
    """An export that stays behind keeps its resource from ever being replaced."""
    imported = {
        value
        for stack in system.stacks.values()
        for key, value in inside(stack.template)
        if key == "Fn::ImportValue"
    }
    assert set(exporters) == imported


def test_stateful_stacks_stand_on_nothing_stateless(system):
    for name, stack in system.stacks.items():
        if part_of(name) in STATEFUL_PARTS:
            assert {part_of(other) for other in stack.dependencies} <= STATEFUL_PARTS


def test_every_part_stands_on_earlier_ones(system):
    for name, stack in system.stacks.items():
        for other in stack.dependencies:
            if part_of(name) != part_of(other):  # the link's two sides, one after the other
                assert ORDER.index(part_of(other)) < ORDER.index(part_of(name)), (name, other)


def test_a_region_serves_without_the_other_region_s_stacks(production_system):
    """Except for the zone, for the switch that the other Region keeps for it, for where the standby
    writes until its own copies are promoted, and for what its first deploy waits for: the schema
    that a first start makes, and the table of sessions."""
    first = {"operations", "session"}
    masters = {"app": {"entitya", "entityb"} | first, "worker": {"transaction"} | first}
    for name, stack in production_system.stacks.items():
        part = part_of(name)
        if part in ("certificate", "app", "worker", "edge", "records"):
            written = masters.get(part, set()) if stack.region == "us-west-2" else set()
            for other in stack.dependencies:
                if production_system.stacks[other].region != stack.region:
                    assert part_of(other) in {"dns", "exit"} | written


def test_the_standby_s_tiers_are_the_primary_s(production_system):
    """A full replica: the same resources, but for the zones that each Region has."""
    for part in (
        *("keys", "control", "events", "operations", "certificate"),
        *("app", "worker", "edge", "records", "exit"),
    ):
        one, other = (
            sorted(
                resource["Type"]
                for resource in production_system.part(region, part).resources.values()
            )
            for region in production_system.regions
        )
        assert one == other, part


def test_production_and_small_are_the_same_stacks(systems):
    production, small = systems("production"), systems("small")
    named = {name.replace("-production-", "-small-") for name in production.stacks}
    assert named == set(small.stacks)
    for part in ("certificate", "app", "worker", "edge", "records", "exit"):
        one, other = (
            {resource["Type"] for resource in system.part("us-west-2", part).resources.values()}
            for system in (production, small)
        )
        assert one == other, part

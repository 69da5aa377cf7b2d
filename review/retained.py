"""What destroying an assembly's stacks leaves in the account, and what stands in its way first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from review.template_diff.assemblies import Stack, TemplateDiffError, read_assembly
from review.template_diff.protections import policy, switched_on


@dataclass(frozen=True, kw_only=True)
class Retained:
    """A resource that outlives its stack; `stack` of a nested one is `<stack>/<logical id>`."""

    stack: str
    region: str
    logical_id: str
    type: str
    path: str  # its place in the app, such as us-east-1/Logs/Logs/Key/Resource
    leaves: Literal["resource", "snapshot"]  # itself, or a last snapshot while it goes


@dataclass(frozen=True, kw_only=True)
class Protection:
    """A switch that makes AWS refuse a delete of the plan, until a person has switched it off."""

    stack: str
    region: str
    logical_id: str | None  # None: the whole stack
    type: str
    switch: str  # as the template spells it, such as DeletionProtection


STACK_TYPE = "AWS::CloudFormation::Stack"
TERMINATION_PROTECTION = "TerminationProtection"


def retained(assembly_directory: Path) -> tuple[Retained, ...]:
    """What stays when every stack is deleted, in the order of the assembly.

    Computed from the templates alone: what CloudFormation keeps by DeletionPolicy, and nothing
    that was made beside it. Raises ValueError where the directory holds no assembly.
    """
    return tuple(
        Retained(
            stack=stack.name,
            region=_region(stack),
            logical_id=logical_id,
            type=resource["Type"],
            path=resource.get("Metadata", {}).get("aws:cdk:path", logical_id),
            leaves="snapshot" if policy(resource, "DeletionPolicy") == "Snapshot" else "resource",
        )
        for stack, logical_id, resource in _resources(assembly_directory)
        if policy(resource, "DeletionPolicy") != "Delete"
    )


def protections(assembly_directory: Path) -> tuple[Protection, ...]:
    """What must be switched off before the stacks can be deleted, stacks before their resources.

    A protected resource that its stack retains is not in the way: nothing asks for its deletion.
    Raises ValueError where the directory holds no assembly.
    """
    stacks = [
        Protection(
            stack=stack.name,
            region=_region(stack),
            logical_id=None,
            type=STACK_TYPE,
            switch=TERMINATION_PROTECTION,
        )
        for stack in _stacks(assembly_directory)
        if stack.termination_protection
    ]
    resources = [
        Protection(
            stack=stack.name,
            region=_region(stack),
            logical_id=logical_id,
            type=resource["Type"],
            switch=switch,
        )
        for stack, logical_id, resource in _resources(assembly_directory)
        if policy(resource, "DeletionPolicy") != "Retain"
        for switch in switched_on(resource)
    ]
    return (*stacks, *resources)


def _stacks(assembly_directory: Path) -> tuple[Stack, ...]:
    try:
        found = read_assembly(assembly_directory)
    except TemplateDiffError as error:
        raise ValueError(str(error)) from None
    if not found:
        raise ValueError(
            f"'{assembly_directory}' should be a synthesized assembly; it has no stack"
        )
    return found


def _resources(assembly_directory: Path) -> Iterator[tuple[Stack, str, dict[str, Any]]]:
    for stack in _stacks(assembly_directory):
        for logical_id, resource in stack.resources.items():
            yield stack, logical_id, resource


def _region(stack: Stack) -> str:
    return stack.environment.rpartition("/")[2]

"""What destroying an assembly's stacks leaves in the account, and what stands in its way first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from review.template_diff.assemblies import TemplateDiffError, read_assembly
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


@dataclass(frozen=True, kw_only=True)
class StackTemplate:
    """A stack as it is synthesized, or as it stands: what its deletion would do depends on that."""

    name: str
    region: str
    protected: bool  # against termination
    resources: dict[str, dict[str, Any]]


STACK_TYPE = "AWS::CloudFormation::Stack"
TERMINATION_PROTECTION = "TerminationProtection"


def retained(assembly_directory: Path) -> tuple[Retained, ...]:
    """What stays when every stack is deleted, in the order of the assembly.

    Computed from the templates alone: what CloudFormation keeps by DeletionPolicy, and nothing
    that was made beside it. Raises ValueError where the directory holds no assembly.
    """
    return retained_of(_stacks(assembly_directory))


def protections(assembly_directory: Path) -> tuple[Protection, ...]:
    """What must be switched off before the stacks can be deleted, stacks before their resources.

    Raises ValueError where the directory holds no assembly.
    """
    return protections_of(_stacks(assembly_directory))


def retained_of(stacks: Iterable[StackTemplate]) -> tuple[Retained, ...]:
    """The same of these stacks."""
    return tuple(
        Retained(
            stack=stack.name,
            region=stack.region,
            logical_id=logical_id,
            type=resource["Type"],
            path=resource.get("Metadata", {}).get("aws:cdk:path", logical_id),
            leaves="snapshot" if policy(resource, "DeletionPolicy") == "Snapshot" else "resource",
        )
        for stack in stacks
        for logical_id, resource in stack.resources.items()
        if policy(resource, "DeletionPolicy") != "Delete"
    )


def protections_of(stacks: Iterable[StackTemplate]) -> tuple[Protection, ...]:
    """The same of these stacks.

    A protected resource that its stack retains is not in the way: nothing asks for its deletion.
    """
    read = tuple(stacks)
    whole = [
        Protection(
            stack=stack.name,
            region=stack.region,
            logical_id=None,
            type=STACK_TYPE,
            switch=TERMINATION_PROTECTION,
        )
        for stack in read
        if stack.protected
    ]
    resources = [
        Protection(
            stack=stack.name,
            region=stack.region,
            logical_id=logical_id,
            type=resource["Type"],
            switch=switch,
        )
        for stack in read
        for logical_id, resource in stack.resources.items()
        if policy(resource, "DeletionPolicy") != "Retain"
        for switch in switched_on(resource)
    ]
    return (*whole, *resources)


def _stacks(assembly_directory: Path) -> tuple[StackTemplate, ...]:
    try:
        found = read_assembly(assembly_directory)
    except TemplateDiffError as error:
        raise ValueError(str(error)) from None
    if not found:
        raise ValueError(
            f"'{assembly_directory}' should be a synthesized assembly; it has no stack"
        )
    return tuple(
        StackTemplate(
            name=stack.name,
            region=stack.environment.rpartition("/")[2],
            protected=stack.termination_protection,
            resources=stack.resources,
        )
        for stack in found
    )

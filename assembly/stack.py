"""A stack of a synthesized assembly."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class ImageBuild:
    """A container image that a deploy builds before it makes the stack."""

    name: str
    platform: str  # as Docker spells it, such as linux/arm64; empty for the machine's own


@dataclass(frozen=True, kw_only=True)
class Stack:
    """One stack: where it goes, what it holds and what it needs.

    `path` is its place in the app, such as us-west-2/Edge, which `cdk deploy` takes as a name.
    """

    name: str
    path: str
    region: str
    template: dict[str, Any]
    file: Path = Path()  # of the template
    account: str = ""
    termination_protection: bool = False
    dependencies: tuple[str, ...] = ()  # names of stacks
    bootstrap_parameter: str | None = None  # where the Region keeps its bootstrap's version
    bootstrap_version: int = 0  # the least that a deploy of the stack takes
    images: tuple[ImageBuild, ...] = ()

    @property
    def part(self) -> str:
        """Return the path's last word, such as Edge."""
        return self.path.rpartition("/")[2]

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        """Return the resources by logical id; a Fn::ForEach entry is a list and no resource."""
        entries = self.template.get("Resources", {}).items()
        return {logical_id: entry for logical_id, entry in entries if isinstance(entry, dict)}

    @property
    def outputs(self) -> dict[str, dict[str, Any]]:
        return self.template.get("Outputs", {})

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the properties of every resource of a CloudFormation type, by logical id."""
        return {
            logical_id: resource.get("Properties", {})
            for logical_id, resource in self.resources.items()
            if resource["Type"] == kind
        }

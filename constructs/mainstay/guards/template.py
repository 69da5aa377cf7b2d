"""A synthesized template as the guards read it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Template:
    """One stack's template and the Region that it is for."""

    path: str
    region: str
    body: dict[str, Any]

    def of_type(self, *types: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Logical id and properties of every resource of these CloudFormation types."""
        for logical_id, resource in self.body.get("Resources", {}).items():
            if resource["Type"] in types:
                yield logical_id, resource.get("Properties", {})

    def exports(self) -> set[str]:
        """The names under which this stack exports values."""
        outputs = self.body.get("Outputs", {}).values()
        return {str(output["Export"]["Name"]) for output in outputs if "Export" in output}


@dataclass(frozen=True, kw_only=True)
class Trap:
    """A resource that would deploy wrongly: where, what happens, and the fix."""

    rule: str
    template: Template
    logical_id: str
    consequence: str
    fix: str


def walk(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key and value at any depth of a template's JSON."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)

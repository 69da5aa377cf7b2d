"""References between templates, followed to the resource that they end at."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from mainstay.guards.template import Template

Place = tuple[str, str, str]  # Region, template, logical id


class TemplateReferences:
    """Every template of a synth, with its outputs by name."""

    def __init__(self, templates: Sequence[Template]) -> None:
        self._templates = {template.path: template for template in templates}
        self._exports: dict[tuple[str, str], tuple[Template, Any]] = {}
        self._outputs: dict[tuple[str, str], list[tuple[Template, Any]]] = {}
        for template in templates:
            for name, output in template.body.get("Outputs", {}).items():
                value = template, output["Value"]
                self._outputs.setdefault((template.region, name), []).append(value)
                if "Export" in output:
                    self._exports[template.region, str(output["Export"]["Name"])] = value

    def origin(self, template: Template, value: Any) -> Place | str | None:
        """The resource that a property refers to, or its text where it is none; None unknown."""
        match value:
            case {"Fn::ImportValue": name}:
                return self._follow(self._exports.get((template.region, str(name))))
            case {"Fn::GetStackOutput": {"OutputName": output, **rest}}:
                region = rest.get("Region", template.region)
                there = self._outputs.get((region, output), [])
                return self._follow(there[0] if there else None)
            case {"Ref": logical_id} | {"Fn::GetAtt": [logical_id, _]}:
                return template.region, template.path, logical_id
            case str():
                return value
        return None

    def region(self, origin: Place | str) -> str:
        """Where a resource stands; an ARN says it by itself."""
        if isinstance(origin, str):
            return origin.split(":")[3] if origin.startswith("arn:") else ""
        return origin[0]

    def zone(self, template: Template, value: Any) -> str:
        """The zone id behind a property that names a zone by its subnet, or what stands there."""
        origin = self.origin(template, value)
        if isinstance(origin, tuple):
            _, path, logical_id = origin
            resource = self._templates[path].body["Resources"].get(logical_id, {})
            zone = resource.get("Properties", {}).get("AvailabilityZoneId")
            if zone is not None:
                return str(zone)
        return f"{template.region} {json.dumps(value, sort_keys=True)}"

    def _follow(self, found: tuple[Template, Any] | None) -> Place | str | None:
        return None if found is None else self.origin(*found)

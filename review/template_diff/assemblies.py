"""Reads the stacks of a synthesized cloud assembly and pairs them with those of another."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TEMPLATE_SUFFIX = ".template.json"
NESTED_SUFFIX = ".nested.template.json"


class TemplateDiffError(Exception):
    """Why there is no diff, in one paragraph for the person who asked for it."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """One stack as synthesized; `environment` is the manifest's, and empty without a manifest."""

    name: str
    environment: str = ""
    file: Path
    template: dict[str, Any]
    termination_protection: bool = False

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        # A Fn::ForEach entry is a list, not a resource: only the differ can say that it changed.
        entries = self.template.get("Resources", {}).items()
        return {logical_id: entry for logical_id, entry in entries if isinstance(entry, dict)}


@dataclass(frozen=True, kw_only=True)
class StackPair:
    """The two sides of one stack; None where that side lacks it."""

    name: str
    before: Stack | None
    after: Stack | None


def read_assembly(directory: Path) -> tuple[Stack, ...]:
    """Every stack in the directory: by its manifest, else by the names of its template files."""
    if not directory.is_dir():
        raise TemplateDiffError(f"'{directory}' should be a directory of templates; there is none")
    stacks = [
        *(_from_manifest(directory) if _manifest(directory).is_file() else _from_files(directory))
    ]
    return tuple(nested for stack in stacks for nested in _with_nested(stack))


def pair(before: Iterable[Stack], after: Iterable[Stack]) -> tuple[StackPair, ...]:
    """Match by stack name; by name and environment where one name serves several Regions."""
    sides = (tuple(before), tuple(after))
    counts = [Counter(stack.name for stack in side) for side in sides]
    repeated = {name for count in counts for name, times in count.items() if times > 1}
    old, new = (_by_key(side, repeated) for side in sides)
    return tuple(
        StackPair(name=name, before=old.get(name), after=new.get(name))
        for name in sorted(old.keys() | new.keys())
    )


def _by_key(stacks: Iterable[Stack], repeated: set[str]) -> dict[str, Stack]:
    found: dict[str, Stack] = {}
    for stack in stacks:
        where = stack.environment.removeprefix("aws://")
        key = f"{stack.name} ({where})" if stack.name in repeated else stack.name
        if key in found:
            raise TemplateDiffError(
                f"two templates claim the stack '{key}': {found[key].file.name} and "
                f"{stack.file.name}; give the stacks different names"
            )
        found[key] = stack
    return found


def _manifest(directory: Path) -> Path:
    return directory / "manifest.json"


def _from_manifest(directory: Path) -> Iterator[Stack]:
    for artifact_id, artifact in _read_json(_manifest(directory)).get("artifacts", {}).items():
        properties = artifact.get("properties", {})
        if artifact.get("type") == "cdk:cloud-assembly":
            yield from _from_manifest(directory / properties["directoryName"])
        if artifact.get("type") == "aws:cloudformation:stack":
            file = directory / properties["templateFile"]
            yield Stack(
                name=properties.get("stackName", artifact_id),
                environment=artifact.get("environment", ""),
                file=file,
                template=_read_json(file),
                termination_protection=bool(properties.get("terminationProtection")),
            )


def _from_files(directory: Path) -> Iterator[Stack]:
    for file in sorted(directory.glob(f"*{TEMPLATE_SUFFIX}")):
        if not file.name.endswith(NESTED_SUFFIX):
            yield Stack(
                name=file.name.removesuffix(TEMPLATE_SUFFIX), file=file, template=_read_json(file)
            )


def _with_nested(stack: Stack) -> Iterator[Stack]:
    """The stack and its nested stacks, each named by its path of logical ids."""
    yield stack
    for logical_id, resource in stack.resources.items():
        asset = resource.get("Metadata", {}).get("aws:asset:path", "")
        file = stack.file.parent / asset
        if resource.get("Type") == "AWS::CloudFormation::Stack" and asset and file.is_file():
            nested = Stack(
                name=f"{stack.name}/{logical_id}",
                environment=stack.environment,
                file=file,
                template=_read_json(file),
            )
            yield from _with_nested(nested)


def _read_json(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TemplateDiffError(
            f"'{file}' should be a JSON template or manifest: {error}"
        ) from None

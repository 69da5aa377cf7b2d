"""Reads a synthesized assembly as a reviewer sees it: stacks, their order, their findings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

_ACKNOWLEDGED = "aws:cdk:acknowledged-rules"


@dataclass(frozen=True, kw_only=True)
class ImageBuild:
    """A container image that a deploy builds before it makes the stack."""

    name: str
    platform: str  # as Docker spells it, such as linux/arm64; empty for the machine's own


@dataclass(frozen=True, kw_only=True)
class Stack:
    """One stack; `path` is its place in the app, such as us-west-2/Edge: `cdk deploy` takes it."""

    path: str
    name: str
    region: str
    resources: dict[str, dict[str, Any]]
    depends_on: tuple[str, ...] = ()  # paths
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    account: str = ""
    bootstrap_parameter: str | None = None  # where the Region keeps its bootstrap's version
    bootstrap_version: int = 0  # the least that a deploy of the stack takes
    images: tuple[ImageBuild, ...] = ()

    @property
    def part(self) -> str:
        """The path's last word, such as Edge."""
        return self.path.rpartition("/")[2]

    def of_type(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Logical id and properties of every resource of a CloudFormation type."""
        for logical_id, resource in self.resources.items():
            if resource["Type"] == kind:
                yield logical_id, resource.get("Properties", {})


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """A cdk.out, as far as it is summed up."""

    stacks: tuple[Stack, ...]
    acknowledged: tuple[str, ...]  # the rule of every finding that somebody answered
    unacknowledged: int | None  # None where no gate ran

    @property
    def regions(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(stack.region for stack in self.stacks))


def read(directory: Path) -> Assembly:
    """Raises ValueError where the directory holds no assembly."""
    manifest = _json(directory / "manifest.json")
    artifacts = {
        key: artifact
        for key, artifact in manifest["artifacts"].items()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    paths = {key: artifact.get("displayName", key) for key, artifact in artifacts.items()}
    images = {
        key: tuple(_images(directory / artifact["properties"]["file"]))
        for key, artifact in manifest["artifacts"].items()
        if artifact["type"] == "cdk:asset-manifest"
    }
    return Assembly(
        stacks=tuple(
            _stack(directory, artifact, paths, key, images) for key, artifact in artifacts.items()
        ),
        acknowledged=tuple(_acknowledged(directory, artifacts.values())),
        unacknowledged=_unacknowledged(directory / "validation-report.json"),
    )


def deploy_order(stacks: Iterable[Stack], waves: Iterable[str]) -> tuple[Stack, ...]:
    """The order of `cdk deploy` wave by wave; a wave draws in what its stacks depend on."""
    by_path = {stack.path: stack for stack in stacks}
    ordered: dict[str, Stack] = {}

    def place(stack: Stack) -> None:
        for path in stack.depends_on:
            if path not in ordered:
                place(by_path[path])
        ordered.setdefault(stack.path, stack)

    for wave in (*waves, "*"):
        for path, stack in by_path.items():
            if fnmatchcase(path, wave):
                place(stack)
    return tuple(ordered.values())


def _stack(
    directory: Path,
    artifact: dict[str, Any],
    paths: dict[str, str],
    key: str,
    images: dict[str, tuple[ImageBuild, ...]],
) -> Stack:
    properties = artifact["properties"]
    template = _json(directory / properties["templateFile"])
    needed = artifact.get("dependencies", ())
    lookup = properties.get("lookupRole", {})
    return Stack(
        path=paths[key],
        name=properties.get("stackName", key),
        region=artifact["environment"].rpartition("/")[2],
        resources=template.get("Resources", {}),
        depends_on=tuple(paths[other] for other in needed if other in paths),
        outputs=template.get("Outputs", {}),
        account=artifact["environment"].removeprefix("aws://").partition("/")[0],
        bootstrap_parameter=properties.get("bootstrapStackVersionSsmParameter"),
        bootstrap_version=max(
            place.get("requiresBootstrapStackVersion", 0) for place in (properties, lookup)
        ),
        images=tuple(image for other in needed for image in images.get(other, ())),
    )


def _images(asset_manifest: Path) -> Iterator[ImageBuild]:
    for key, image in _json(asset_manifest).get("dockerImages", {}).items():
        source = image.get("source", {})
        yield ImageBuild(name=image.get("displayName", key), platform=source.get("platform", ""))


def _acknowledged(directory: Path, artifacts: Iterable[dict[str, Any]]) -> Iterator[str]:
    """One entry per answered finding: "Annotation::<rule of a pack>" or "<plugin>::<rule>"."""
    for artifact in artifacts:
        metadata = dict(artifact.get("metadata", {}))
        if "additionalMetadataFile" in artifact:
            metadata |= _json(directory / artifact["additionalMetadataFile"])
        for entries in metadata.values():
            for entry in entries:
                if entry["type"] == _ACKNOWLEDGED:
                    yield from entry["data"]


def _unacknowledged(report: Path) -> int | None:
    if not report.is_file():
        return None
    return sum(len(plugin.get("violations", ())) for plugin in _json(report)["pluginReports"])


def _json(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise ValueError(f"'{file.parent}' should be a synthesized assembly: {error}") from None

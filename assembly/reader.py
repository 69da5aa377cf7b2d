"""Reads a synthesized assembly: its stacks, and what the gates found of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from assembly.stack import ImageBuild, Stack

MANIFEST = "manifest.json"
_ACKNOWLEDGED = "aws:cdk:acknowledged-rules"


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """A cdk.out of one environment."""

    directory: Path
    stacks: dict[str, Stack] = field(compare=False)  # by name, in the order of the manifest
    digest: str  # changes with every template: the manifest names the hash of each

    @property
    def regions(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(stack.region for stack in self.stacks.values()))

    @property
    def account(self) -> str:
        """Return the account of all stacks. Raises ValueError where they have several."""
        accounts = {stack.account for stack in self.stacks.values()}
        if len(accounts) != 1:
            raise ValueError(f"'{self.directory}' should be of one account, got {sorted(accounts)}")
        return accounts.pop()

    @property
    def manifest(self) -> dict[str, Any]:
        return read_json(self.directory / MANIFEST)

    @cached_property
    def acknowledged(self) -> tuple[str, ...]:
        """Return the rule of every acknowledged finding: "Annotation::<rule of a pack>" or
        "<plugin>::<rule>"."""
        return tuple(self._acknowledged())

    @cached_property
    def unacknowledged(self) -> int | None:
        """Return the number of findings that nobody has acknowledged; None where no gate ran."""
        report = self.directory / "validation-report.json"
        if not report.is_file():
            return None
        plugins = read_json(report)["pluginReports"]
        return sum(len(plugin.get("violations", ())) for plugin in plugins)

    def part(self, region: str, part: str) -> Stack:
        """Return the stack of a Region's part, such as part("us-east-1", "network")."""
        ending = f"-{region}-{part}"
        return next(stack for name, stack in self.stacks.items() if name.endswith(ending))

    def of_type(self, kind: str) -> Iterator[tuple[Stack, str, dict[str, Any]]]:
        """Yield stack, logical id and properties of every resource of a CloudFormation type."""
        for stack in self.stacks.values():
            for logical_id, properties in stack.of_type(kind).items():
                yield stack, logical_id, properties

    def refuse_other(self, environment: str, account: str) -> None:
        """Raise ValueError unless every stack is of this environment and account."""
        for stack in self.stacks.values():
            if stack.account != account or not stack.name.startswith(f"mainstay-{environment}-"):
                raise ValueError(
                    f"the assembly should be of '{environment}' and account {account}, it holds "
                    f"{stack.name} of {stack.account}: `make synth ENV={environment}`"
                )

    def refuse_another_synth(self) -> None:
        """Raise ValueError where the directory no longer holds what was read and checked."""
        if _digest(self.directory) != self.digest:
            raise ValueError(
                f"'{self.directory}' was synthesized again meanwhile: start again, and what was "
                "deployed stays as it is"
            )

    def _acknowledged(self) -> Iterator[str]:
        for artifact in _of_type(self.manifest, "aws:cloudformation:stack").values():
            metadata = dict(artifact.get("metadata", {}))
            if "additionalMetadataFile" in artifact:
                metadata |= read_json(self.directory / artifact["additionalMetadataFile"])
            for entries in metadata.values():
                for entry in entries:
                    if entry["type"] == _ACKNOWLEDGED:
                        yield from entry["data"]


def read(directory: Path) -> Assembly:
    """Read an assembly. Raises ValueError where the directory holds none."""
    stacks = read_stacks(directory)
    return Assembly(
        directory=directory,
        stacks={stack.name: stack for stack in stacks},
        digest=_digest(directory),
    )


def read_stacks(directory: Path) -> tuple[Stack, ...]:
    """Read the stacks, those of nested assemblies included; one name may be in several Regions.

    Raises ValueError where the directory holds no assembly.
    """
    manifest = read_json(directory / MANIFEST)
    artifacts = _of_type(manifest, "aws:cloudformation:stack")
    names = {key: one["properties"].get("stackName", key) for key, one in artifacts.items()}
    images = {
        key: tuple(_images(directory / artifact["properties"]["file"]))
        for key, artifact in _of_type(manifest, "cdk:asset-manifest").items()
    }
    nested = _of_type(manifest, "cdk:cloud-assembly").values()
    return (
        *(_stack(directory, key, names, artifacts[key], images) for key in artifacts),
        *(
            stack
            for artifact in nested
            for stack in read_stacks(directory / artifact["properties"]["directoryName"])
        ),
    )


def with_nested(stacks: Iterable[Stack]) -> Iterator[Stack]:
    """Yield each stack and then its nested ones, which are named by their path of logical ids."""
    for stack in stacks:
        yield stack
        for logical_id, resource in stack.resources.items():
            asset = resource.get("Metadata", {}).get("aws:asset:path", "")
            file = stack.file.parent / asset
            if resource.get("Type") == "AWS::CloudFormation::Stack" and asset and file.is_file():
                nested = replace(
                    stack,
                    name=f"{stack.name}/{logical_id}",
                    path=f"{stack.path}/{logical_id}",
                    file=file,
                    template=read_json(file),
                    termination_protection=False,
                )
                yield from with_nested([nested])


def read_json(file: Path) -> dict[str, Any]:
    """Read a file of an assembly. Raises ValueError where there is none, or it is no JSON."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise ValueError(f"'{file.parent}' should be a synthesized assembly: {error}") from None


def _of_type(manifest: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    artifacts = manifest.get("artifacts", {})
    return {key: artifact for key, artifact in artifacts.items() if artifact["type"] == kind}


def _stack(
    directory: Path,
    key: str,
    names: dict[str, str],
    artifact: dict[str, Any],
    images: dict[str, tuple[ImageBuild, ...]],
) -> Stack:
    properties = artifact["properties"]
    needed = artifact.get("dependencies", ())
    file = directory / properties["templateFile"]
    account, _, region = artifact.get("environment", "").removeprefix("aws://").partition("/")
    bootstraps = (properties, properties.get("lookupRole", {}))
    return Stack(
        name=names[key],
        path=artifact.get("displayName", key),
        account=account,
        region=region,
        file=file,
        template=read_json(file),
        termination_protection=bool(properties.get("terminationProtection")),
        dependencies=tuple(names[other] for other in needed if other in names),
        bootstrap_parameter=properties.get("bootstrapStackVersionSsmParameter"),
        bootstrap_version=max(one.get("requiresBootstrapStackVersion", 0) for one in bootstraps),
        images=tuple(image for other in needed for image in images.get(other, ())),
    )


def _images(asset_manifest: Path) -> Iterator[ImageBuild]:
    for key, image in read_json(asset_manifest).get("dockerImages", {}).items():
        source = image.get("source", {})
        yield ImageBuild(name=image.get("displayName", key), platform=source.get("platform", ""))


def _digest(directory: Path) -> str:
    return hashlib.sha256((directory / MANIFEST).read_bytes()).hexdigest()

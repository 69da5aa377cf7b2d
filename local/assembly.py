"""What a synthesized assembly says about where it is deployed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Stack:
    name: str
    region: str
    kinds: frozenset[str]  # CloudFormation types


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """A cdk.out: its one account, its Regions in the order of its stacks, its stacks."""

    folder: Path
    account: str
    stacks: tuple[Stack, ...]

    @property
    def regions(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(stack.region for stack in self.stacks))

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset().union(*(stack.kinds for stack in self.stacks))


def read(folder: Path) -> Assembly:
    """Raises ValueError where the folder holds no assembly, or one of several accounts."""
    try:
        artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"].values()
        found = [artifact for artifact in artifacts if _is_stack(artifact)]
        places = [artifact["environment"].removeprefix("aws://").split("/") for artifact in found]
        stacks = tuple(
            Stack(
                name=artifact["properties"]["stackName"],
                region=region,
                kinds=_kinds(folder / artifact["properties"]["templateFile"]),
            )
            for artifact, (_, region) in zip(found, places, strict=True)
        )
    except (OSError, json.JSONDecodeError, KeyError) as error:
        raise ValueError(f"'{folder}' should be a synthesized assembly: {error!r}") from None
    accounts = {account for account, _ in places}
    if len(accounts) != 1:
        raise ValueError(f"'{folder}' should be of one account, got {sorted(accounts)}")
    return Assembly(folder=folder, account=accounts.pop(), stacks=stacks)


def _is_stack(artifact: dict[str, object]) -> bool:
    return artifact["type"] == "aws:cloudformation:stack"


def _kinds(template: Path) -> frozenset[str]:
    resources = json.loads(template.read_text()).get("Resources", {})
    return frozenset(resource["Type"] for resource in resources.values())

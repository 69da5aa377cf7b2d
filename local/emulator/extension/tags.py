"""A resource's tags, as each API wants them."""

from __future__ import annotations

from typing import NamedTuple

from local.emulator.extension.registry import Properties


class Change(NamedTuple):
    """What an update does to tags: keys with their new values, and keys that go."""

    put: dict[str, str]
    gone: list[str]

    @property
    def pairs(self) -> list[dict[str, str]]:
        """[{"Key": ..., "Value": ...}], as most APIs want them."""
        return [{"Key": key, "Value": value} for key, value in self.put.items()]


def as_map(properties: Properties, name: str = "Tags") -> dict[str, str]:
    """Return a resource's tags by key, from CloudFormation's list or map."""
    tags = properties.get(name) or {}
    if isinstance(tags, dict):
        return {str(key): str(value) for key, value in tags.items()}
    return {entry["Key"]: str(entry["Value"]) for entry in tags}


def change(old: Properties, new: Properties, name: str = "Tags") -> Change:
    """Change the tags that differ; tags that others put stay as they are."""
    before, after = as_map(old, name), as_map(new, name)
    put = {key: value for key, value in after.items() if before.get(key) != value}
    return Change(put, sorted(before.keys() - after.keys()))

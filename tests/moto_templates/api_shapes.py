"""CloudFormation's properties in the words of the API that stands behind them."""

from __future__ import annotations

import json
from typing import Any

Properties = dict[str, Any]


class NotApiInputError(ValueError):
    """A synthesized name or value that the service's API model does not know."""


def as_input(properties: Properties, shape: Any) -> Properties:
    """The properties spelled, typed and checked as a botocore input shape has them.

    The case of names differs between the two worlds (`CpuArchitecture`, `cpuArchitecture`), and so
    do scalars ("1800", 1800). Whatever the model does not know raises: a misspelt name, and a
    value outside of an enumeration, which boto3 itself lets through.
    """
    return _convert(properties, shape, shape.name)


def _convert(value: Any, shape: Any, path: str) -> Any:
    if shape.type_name == "structure":
        return _convert_structure(value, shape, path)
    if shape.type_name == "list":
        return [_convert(item, shape.member, f"{path}[{i}]") for i, item in enumerate(value)]
    if shape.type_name == "map":
        return {key: _convert(item, shape.value, f"{path}.{key}") for key, item in value.items()}
    return _convert_scalar(value, shape, path)


def _convert_structure(value: Any, shape: Any, path: str) -> Properties:
    members = {name.lower(): name for name in shape.members}
    converted = {}
    for key, item in value.items():
        name = members.get(key.lower())
        if name is None:
            raise NotApiInputError(f"{path}: the API knows no {key}, only {list(shape.members)}")
        converted[name] = _convert(item, shape.members[name], f"{path}.{name}")
    return converted


def _convert_scalar(value: Any, shape: Any, path: str) -> Any:
    if shape.type_name in ("integer", "long"):
        return int(value)
    if shape.type_name in ("float", "double"):
        return float(value)
    if shape.type_name == "boolean":
        return value if isinstance(value, bool) else {"true": True, "false": False}[value]
    if shape.type_name == "blob":
        return value
    # Policy documents are objects in a template and text in the APIs.
    text = json.dumps(value) if isinstance(value, dict) else str(value)
    if shape.enum and text not in shape.enum:
        raise NotApiInputError(f"{path}: {text} is none of {shape.enum}")
    longest = shape.metadata.get("max")
    if longest is not None and len(text) > longest:
        raise NotApiInputError(f"{path}: longer than {longest}: {text}")
    return text


def tags_as_input(tags: Any, shape: Any) -> Any:
    """Tags as a template has them, a list of Key and Value or a map, as the API wants them."""
    pairs = tags if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}
    if shape.type_name == "map":
        return pairs
    names = list(shape.member.members)  # Key and Value, key and value, TagKey and TagValue
    return [dict(zip(names, pair, strict=True)) for pair in pairs.items()]


def missing(expected: Any, actual: Any, path: str = "") -> list[str]:
    """Where `actual`, as read back, lacks something of `expected`, as sent. Empty when it has all.

    Lists are compared without regard to their order; what the service adds is no difference.
    """
    if isinstance(expected, dict):
        if not isinstance(actual, dict):
            return [f"{path}: {actual!r} is no structure"]
        found = []
        for key, value in expected.items():
            if key in actual:
                found += missing(value, actual[key], f"{path}.{key}")
            else:
                found.append(f"{path}.{key} is not there")
        return found
    if isinstance(expected, list):
        lost = [item for item in expected if all(missing(item, other) for other in actual or [])]
        return [f"{path}: {item!r} is not in {actual!r}" for item in lost]
    if isinstance(expected, str) and isinstance(actual, dict):  # a policy, sent as text
        actual, expected = json.dumps(actual, sort_keys=True), _sorted(expected)
    return [] if expected == actual else [f"{path}: {actual!r} is not {expected!r}"]


def _sorted(document: str) -> str:
    return json.dumps(json.loads(document), sort_keys=True)

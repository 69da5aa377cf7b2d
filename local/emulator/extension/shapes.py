"""Template properties as an API's request, by the service's model: nothing is left out unsaid."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from local.emulator.extension.models import ListShape, MapShape, StructureShape


def request(
    client: Any,
    method: str,
    properties: Mapping[str, Any],
    *,
    renamed: Mapping[str, str] | None = None,
    without: Collection[str] = (),
) -> dict[str, Any]:
    """Return the keyword arguments of `client.<method>` for these `properties`.

    `renamed` maps a property to the API's name for it, `without` names those that the caller
    handles by itself. Raises ValueError, naming it, for a property that the operation does not
    take, at whatever depth.
    """
    operation = client.meta.method_to_api_mapping[method]
    shape = client.meta.service_model.operation_model(operation).input_shape
    named = {
        (renamed or {}).get(name, name): value
        for name, value in properties.items()
        if name not in without
    }
    return _structure(shape, named, operation)


def fit(shape: Any, value: Any, path: str = "") -> Any:
    """`value` as `shape` wants it: names in its case, numbers and booleans from strings."""
    if isinstance(shape, StructureShape):
        return _structure(shape, value, path)
    if isinstance(shape, ListShape):
        items = value if isinstance(value, list) else [value]
        return [fit(shape.member, item, f"{path}[]") for item in items]
    if isinstance(shape, MapShape):
        return {str(key): fit(shape.value, item, f"{path}.{key}") for key, item in value.items()}
    return _scalar(shape.type_name, value)


def _structure(shape: Any, value: Any, path: str) -> dict[str, Any]:
    if getattr(shape, "is_document_type", False):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(f"'{path}' should be an object, got {value!r}")
    members = {name.lower(): name for name in shape.members}
    fitted = {}
    for key, item in value.items():
        name = members.get(key.lower())
        if name is None:
            raise ValueError(
                f"'{path}.{key}' would be dropped: the API has {', '.join(shape.members)}; "
                f"handle it in the type's handler, local/emulator/extension"
            )
        fitted[name] = fit(shape.members[name], item, f"{path}.{key}")
    return fitted


def _scalar(kind: str, value: Any) -> Any:
    if kind == "boolean":
        return str(value).lower() == "true"
    if kind in ("integer", "long"):
        return int(value)
    if kind in ("float", "double"):
        return float(value)
    if kind == "string":
        if isinstance(value, (dict, list)):
            return json.dumps(value)
        return str(value).lower() if isinstance(value, bool) else str(value)
    return value
